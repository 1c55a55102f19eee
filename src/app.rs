//! The composition root: what the service is made of.

use std::future::Future;
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;

use groundwork_auth::{PasswordHasher, TokenKeys, TokenSigner, ValueSigner};
use groundwork_clock::Clock;
use groundwork_database::{Database, DbError};
use groundwork_http_client::BuildError;
use groundwork_jobs::{InvalidSchedule, Queue, Wakeups, Workers};
use groundwork_openapi::DocumentError;
use groundwork_server::{self as server, BindError, Server};
use groundwork_state::cache::Cache;
use groundwork_state::rate_limit::{Quota, RateLimiter};
use groundwork_state::redis::Redis;
use groundwork_telemetry::MetricsHandle;
use groundwork_web::hyper_service::hyper_service;
use groundwork_web::load_shedder::LoadShedder;
use groundwork_web::metrics_server::MetricsServer;
use groundwork_web::middleware::AllowedOrigins;
use groundwork_web::rate_limits::RateLimits;
use groundwork_webhooks::Sender;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::api::v1::auth::AuthApi;
use crate::api::v1::health::{HealthApi, ServiceApi};
use crate::api::v1::users::UsersApi;
use crate::api::v1::webhooks::WebhooksApi;
use crate::db::migrations::{self, MigrationError};
use crate::jobs;
use crate::services::RevokedSessions;
use crate::services::auth::{AuthService, Lifetimes, PasswordLimiter};
use crate::services::health::HealthService;
use crate::services::store::Store;
use crate::services::users::UserService;
use crate::services::webhooks::{DeliveryCounters, WebhookService};
use crate::settings::{RedisUrl, Settings, SigningKeyError};

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
    Document(#[from] DocumentError),
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    #[error("webhooks cannot be sent")]
    Webhooks(#[from] BuildError),
    #[error(transparent)]
    Bind(#[from] BindError),
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
        let key = settings.signing_key()?;
        let previous = &settings.jwt_previous_secret_keys;
        migrations::prepare(settings).await?;
        log_start(settings);

        let database = Database::new(&settings.into())?;
        database.watch();
        let redis = connect_redis(settings).await;
        let limiter = settings.rate_limit_enabled.then(|| RateLimiter::new(redis.clone(), clock.clone()));
        let password_limiter = limiter.clone().map(|limiter| {
            let per_user = settings.account_rate_limit_per_minute;
            PasswordLimiter::new(limiter, per_user, settings.auth_rate_limit_per_minute)
        });
        let shutdown = CancellationToken::new();
        let revoked = RevokedSessions::default();
        let page_signer = ValueSigner::new(DOMAIN, iter::once(&key).chain(previous));
        let wakeups = Wakeups::new(redis.clone(), &database);
        let store = Store::new(database.clone(), clock.clone(), Queue::new(wakeups.clone()), page_signer);
        let users = UserService {
            store: store.clone(),
            hasher: PasswordHasher::new(settings.bcrypt_rounds, settings.bcrypt_queue_size),
            cache: Cache::new(redis.clone(), settings.cache_ttl, clock.clone()),
            password_limiter: password_limiter.clone(),
            revoked: revoked.clone(),
        };
        let auth = AuthService {
            store: store.clone(),
            hasher: users.hasher.clone(),
            signer: Arc::new(TokenSigner::new(
                TokenKeys { domain: DOMAIN, current: &key, previous },
                clock.clone(),
            )),
            lifetimes: Lifetimes {
                access: settings.access_token_expire,
                refresh: settings.refresh_token_expire,
            },
            password_limiter,
            revoked,
        };
        let metrics = metrics_server(settings, &database, &auth.hasher);
        let webhooks = WebhookService {
            store: store.clone(),
            sender: Sender::new(settings.into(), clock.clone())?,
            networks: settings.into(),
            counters: DeliveryCounters::default(),
        };
        let handlers = jobs::handlers(&store, &webhooks)?;
        let workers = Workers::new(database.clone(), clock, handlers, wakeups, settings.into());
        let operations = (
            AuthApi { auth: auth.clone() },
            UsersApi { users },
            WebhooksApi { webhooks },
            HealthApi { health: HealthService::new(database, redis, shutdown.clone()) },
            ServiceApi { name: settings.app_name.clone() },
        );
        let api = Api {
            operations,
            auth,
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
    let clock = Clock::default();
    // Only lists are signed, and the command line has none.
    let page_signer = ValueSigner::new(DOMAIN, []);
    let database = Database::new(&settings.into())?;
    let queue = Queue::new(Wakeups::new(None, &database));
    Ok(UserService {
        store: Store::new(database, clock.clone(), queue, page_signer),
        hasher: PasswordHasher::new(settings.bcrypt_rounds, settings.bcrypt_queue_size),
        cache: Cache::new(None, settings.cache_ttl, clock),
        password_limiter: None,
        revoked: RevokedSessions::default(),
    })
}

async fn connect_redis(settings: &Settings) -> Option<Redis> {
    let redis = settings.redis().map(Redis::new);
    if let Some(redis) = &redis {
        // So that an unavailable Redis is noticed and logged before the first request.
        let _ = redis.ping().await;
    }
    redis
}

fn metrics_server(
    settings: &Settings,
    database: &Database,
    hasher: &PasswordHasher,
) -> Option<MetricsServer> {
    let (handle, port) = MetricsHandle::installed().zip(settings.metrics_port)?;
    let (database, hasher) = (database.clone(), hasher.clone());
    let observe = move || {
        database.observe();
        hasher.observe();
    };
    Some(MetricsServer::new(handle, observe, SocketAddr::new(settings.metrics_host, port)))
}

/// Logs the tier of each part, so that no fallback is silent.
fn log_start(settings: &Settings) {
    tracing::info!(
        environment = %settings.app_env,
        database = settings.database_url.tier(),
        replicas = settings.database_replica_urls.len(),
        state = settings.redis_url.as_ref().map_or("in_process", RedisUrl::tier),
        version = env!("CARGO_PKG_VERSION"),
        "starting"
    );
    if let AllowedOrigins::Local = settings.into() {
        tracing::info!(
            "pages on localhost, 127.0.0.1 and [::1] may call the API from any port, in development only: CORS_ORIGINS lists \
             origins elsewhere"
        );
    }
}
