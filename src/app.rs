//! The composition root: what the service is made of.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use groundwork_auth::{KeyFileError, ValueSigner};
use groundwork_clock::Clock;
use groundwork_database::{Database, DbError};
use groundwork_http_client::BuildError;
use groundwork_jobs::{InvalidSchedule, Queue, Wakeups, Workers};
use groundwork_mail::{ConfigError, MessageError, TemplateError};
use groundwork_openapi::DocumentError;
use groundwork_server::{self as server, BindError, Server};
use groundwork_state::cache::Cache;
use groundwork_state::rate_limit::Quota;
use groundwork_telemetry::MetricsHandle;
use groundwork_web::hyper_service::hyper_service;
use groundwork_web::load_shedder::LoadShedder;
use groundwork_web::metrics_server::MetricsServer;
use groundwork_web::middleware::AllowedOrigins;
use groundwork_web::rate_limits::RateLimits;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::api::v1::api_keys::ApiKeysApi;
use crate::api::v1::audit_events::AuditEventsApi;
use crate::api::v1::auth::AuthApi;
use crate::api::v1::health::{HealthApi, ServiceApi};
use crate::api::v1::jobs::JobsApi;
use crate::api::v1::jwks::JwksApi;
use crate::api::v1::links::LinksApi;
use crate::api::v1::sessions::SessionsApi;
use crate::api::v1::users::UsersApi;
use crate::api::v1::webhooks::WebhooksApi;
use crate::db::migrations::MigrationError;
use crate::services::RevokedSessions;
use crate::services::api_keys::ApiKeyService;
use crate::services::audit_events::AuditEventService;
use crate::services::health::HealthService;
use crate::services::jobs::JobService;
use crate::services::sessions::SessionService;
use crate::services::store::Store;
use crate::services::users::UserService;
use crate::settings::{Settings, SigningKeyError};

mod services;

use services::{Services, passwords};

/// Part of everything that this service signs or derives from its keys. Do not change it after the
/// first deployment: all sessions and page tokens would become invalid.
const DOMAIN: &str = "groundwork";

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Migration(#[from] MigrationError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    #[error(transparent)]
    HttpClient(#[from] BuildError),
    #[error(transparent)]
    Mail(#[from] ConfigError),
    #[error("MAIL_FROM {0}")]
    Sender(#[from] MessageError),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("JOB_WORKERS is 0, so this process would run no job")]
    NoWorkers,
}

/// The workers without the API.
pub struct WorkerApp {
    workers: Workers,
    metrics: Option<MetricsServer>,
}

impl WorkerApp {
    /// Prepares the database and the workers.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn new(settings: &Settings, clock: Clock) -> Result<Self, StartError> {
        if settings.job_workers == 0 {
            return Err(StartError::NoWorkers);
        }
        let Services { database, workers, .. } = Services::new(settings, clock).await?;
        let metrics = metrics_server(settings, move || database.observe());
        Ok(Self { workers, metrics })
    }

    /// Runs jobs until `stop` completes, and then until the running ones have ended, or
    /// `SHUTDOWN_TIMEOUT` has.
    ///
    /// # Errors
    /// [`StartError::Bind`].
    pub async fn run(self, started: impl FnOnce(), stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let metrics = match self.metrics {
            Some(metrics) => Some(metrics.start().await?),
            None => None,
        };
        started();
        let shutdown = CancellationToken::new();
        let stopping = async {
            stop.await;
            shutdown.cancel();
        };
        tokio::join!(self.workers.run(shutdown.clone()), stopping);
        if let Some(stop_metrics) = metrics {
            stop_metrics.await;
        }
        Ok(())
    }
}

/// The service, ready to listen.
pub struct App {
    endpoint: BoxEndpoint<'static, Response>,
    server: server::Config,
    shutdown: CancellationToken,
    metrics: Option<MetricsServer>,
    workers: Workers,
}

impl App {
    /// Prepares the database and builds the service.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn new(settings: &Settings, clock: Clock) -> Result<Self, StartError> {
        let services = Services::new(settings, clock.clone()).await?;
        log_origins(settings);
        let Services { database, redis, limiter, store, users, auth, links, webhooks, workers } = services;
        let shutdown = CancellationToken::new();
        let (pool, hasher) = (database.clone(), auth.passwords.hasher.clone());
        let metrics = metrics_server(settings, move || {
            pool.observe();
            hasher.observe();
        });
        let operations = (
            AuthApi { auth: auth.clone() },
            SessionsApi { sessions: SessionService { store: store.clone(), revoked: auth.revoked.clone() } },
            UsersApi { users },
            LinksApi { links },
            ApiKeysApi { api_keys: ApiKeyService { store: store.clone() } },
            JobsApi { jobs: JobService { store: store.clone() } },
            WebhooksApi { webhooks },
            AuditEventsApi { audit_events: AuditEventService { store } },
            HealthApi { health: HealthService::new(database, redis, clock, shutdown.clone()) },
            ServiceApi { name: settings.app_name.clone() },
            JwksApi { auth: auth.clone() },
        );
        let api = Api {
            operations,
            auth,
            name: settings.app_name.clone(),
            prefix: settings.api_v1_prefix.clone(),
            rate_limits: limiter.map(|limiter| RateLimits {
                limiter,
                general: Quota::new("general", settings.rate_limit_per_minute),
                credentials: Quota::new("credentials", settings.auth_rate_limit_per_minute),
            }),
            load_shedder: LoadShedder::new(settings.max_requests, settings.max_pending_bodies()),
            body_timeout: settings.body_timeout,
            middleware: settings.into(),
        };
        Ok(Self { endpoint: api.into_endpoint()?, server: settings.into(), shutdown, metrics, workers })
    }

    /// Serves until `stop` completes, and then until the requests in flight have ended. `listening`
    /// receives the bound address, whose port the system chooses for port 0.
    ///
    /// # Errors
    /// [`StartError::Bind`].
    pub async fn serve(
        self,
        address: SocketAddr,
        listening: impl FnOnce(SocketAddr),
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let server = Server::bind(address, self.server).await?;
        let metrics = match self.metrics {
            Some(metrics) => Some(metrics.start().await?),
            None => None,
        };
        listening(server.local_addr());
        let endpoint = Arc::new(self.endpoint);
        let make_service = |connection| hyper_service(&endpoint, connection);
        let stopping = async {
            stop.await;
            self.shutdown.cancel();
        };
        let workers = self.workers.run(self.shutdown.clone());
        tokio::join!(server.serve(make_service, self.shutdown.clone()), workers, stopping);
        // Metrics are served until the end, so that the shutdown can be observed.
        if let Some(stop_metrics) = metrics {
            stop_metrics.await;
        }
        Ok(())
    }
}

/// The user service of the command line.
///
/// # Errors
/// [`StartError::Database`].
pub fn user_service(settings: &Settings) -> Result<UserService, StartError> {
    Ok(UserService {
        store: operator_store(settings)?,
        passwords: passwords(settings)?,
        cache: Cache::new(None, settings.cache_ttl, Clock::default()),
        password_limiter: None,
        revoked: RevokedSessions::default(),
    })
}

/// The jobs, for the command line.
///
/// # Errors
/// [`StartError::Database`].
pub fn job_service(settings: &Settings) -> Result<JobService, StartError> {
    Ok(JobService { store: operator_store(settings)? })
}

fn operator_store(settings: &Settings) -> Result<Store, StartError> {
    // It signs the page tokens of lists, which the command line has no use for.
    let page_signer = ValueSigner::new(DOMAIN, []);
    let database = Database::new(&settings.into())?;
    let queue = Queue::new(Wakeups::new(None, &database));
    Ok(Store::new(database, Clock::default(), queue, page_signer))
}

/// `observe` sets the gauges before they are read.
fn metrics_server(settings: &Settings, observe: impl Fn() + Send + Sync + 'static) -> Option<MetricsServer> {
    let (handle, port) = MetricsHandle::installed().zip(settings.metrics_port)?;
    Some(MetricsServer::new(handle, observe, SocketAddr::new(settings.metrics_host, port)))
}

/// Logs that local pages may call the API, so that nobody expects it outside of development.
fn log_origins(settings: &Settings) {
    if matches!(AllowedOrigins::from(settings), AllowedOrigins::Local) {
        tracing::info!(
            "pages on localhost, 127.0.0.1 and [::1] may call the API from any port, in development only: CORS_ORIGINS lists \
             origins elsewhere"
        );
    }
}
