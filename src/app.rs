//! The composition root: settings become state, state becomes routes, routes become a server. The only file that
//! knows everything.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use poem::Response;
use poem::endpoint::BoxEndpoint;

use crate::api::Api;
use crate::api::document::DocumentError;
use crate::api::extract::BodyTimeout;
use crate::api::forwarded::Proxies;
use crate::api::limits::Limits;
use crate::api::metrics::MetricsServer;
use crate::api::middleware::{AllowedOrigins, Stack};
use crate::api::server::{ServeError, Server, TlsFiles};
use crate::core::cache::Cache;
use crate::core::clock::Clock;
use crate::core::lifecycle::Lifecycle;
use crate::core::rate_limit::{Allowance, RateLimiter};
use crate::core::redis::Redis;
use crate::core::security::hasher::Hasher;
use crate::core::security::seal::Sealer;
use crate::core::security::tokens::TokenSigner;
use crate::core::settings::{DatabaseUrl, RedisUrl, SecretFileError, Settings};
use crate::core::telemetry::metrics::{MetricsError, Recorded};
use crate::db::{Database, DbError, files, migrations};
use crate::services::auth::{AuthService, Lifetimes, LoginLimiter, PasswordCheckLimiter};
use crate::services::health::HealthService;
use crate::services::store::Store;
use crate::services::users::UserService;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error(transparent)]
    Database(#[from] DbError),
    /// There is no key to sign tokens with.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The address of Redis cannot be used.
    #[error("REDIS_URL cannot be used")]
    Redis(#[source] redis::RedisError),
    /// The document that the handlers declare would break a client.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Nothing can be measured.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The server cannot start.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Brings the database to the newest schema and says so.
///
/// # Errors
/// When the database cannot be reached, its file is open to others, or a migration fails.
pub async fn migrate(settings: &Settings) -> Result<(), DbError> {
    if let DatabaseUrl::Sqlite(path) = &settings.database_url {
        files::check(path, settings.app_env.is_deployed())?;
    }
    let applied = migrations::run_for(settings).await?;
    if applied.is_empty() {
        tracing::info!("the database has the newest schema");
    }
    for migration in applied {
        tracing::info!(migration, "applied a migration");
    }
    Ok(())
}

/// Brings the database to the newest schema or, where `MIGRATE_ON_START` is off, checks that it has it.
///
/// # Errors
/// As [`migrate`]; [`DbError::OutdatedSchema`] when a migration is missing that may not be applied.
pub async fn prepare_database(settings: &Settings) -> Result<(), DbError> {
    if settings.migrate_on_start {
        migrate(settings).await
    } else {
        migrations::require_newest(settings).await
    }
}

/// The rules about accounts, for the command line.
///
/// # Errors
/// When the database's address is wrong.
pub fn user_service(settings: &Settings) -> Result<UserService, StartError> {
    let hasher = Hasher::new(settings.bcrypt_rounds, settings.bcrypt_queue_size);
    // Nothing is sealed on the command line: lists are the API's.
    let sealer = Arc::new(Sealer::new([]));
    let clock = Clock::default();
    let cache = Cache::new(None, settings.cache_ttl, clock.clone());
    let store = Store::new(Database::new(settings)?, clock.clone());
    Ok(UserService::new(store, hasher, sealer, cache, None, clock))
}

/// The service, ready to listen.
pub struct App {
    endpoint: BoxEndpoint<'static, Response>,
    server: Server,
    lifecycle: Lifecycle,
    metrics: Option<MetricsServer>,
}

impl App {
    /// Migrates the database, if it is to, and puts everything together.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn new(settings: &Settings, clock: Clock) -> Result<Self, StartError> {
        let (secret, made) = settings.resolve_jwt_secret()?;
        if let Some(path) = made {
            tracing::info!(path = %path.display(), "made a key for tokens, for development only: set JWT_SECRET_KEY elsewhere");
        }
        prepare_database(settings).await?;
        announce(settings);
        // Before anything is made that counts.
        let recorded = settings.metrics_port.map(|_| Recorded::begin()).transpose()?;

        let database = Database::new(settings)?;
        database.watch_primary();
        database.watch_replicas();
        let hasher = Hasher::new(settings.bcrypt_rounds, settings.bcrypt_queue_size);
        let previous = &settings.jwt_previous_secret_keys;
        let signer = Arc::new(TokenSigner::new(&secret, previous, clock.clone()));
        let sealer = Arc::new(Sealer::new(std::iter::once(&secret).chain(previous)));
        let lifetimes =
            Lifetimes { access: settings.access_token_expire, refresh: settings.refresh_token_expire };
        let redis = Redis::new(settings).map_err(StartError::Redis)?;
        if let Some(redis) = &redis {
            // The first to notice that it is away is this, not a request.
            let _ = redis.ping().await;
        }
        let limiter = settings.rate_limit_enabled.then(|| RateLimiter::new(redis.clone(), clock.clone()));
        let logins =
            limiter.clone().map(|limiter| LoginLimiter::new(limiter, settings.account_rate_limit_per_minute));
        let password_checks = limiter
            .clone()
            .map(|limiter| PasswordCheckLimiter::new(limiter, settings.auth_rate_limit_per_minute));
        let limits = limiter.map(|limiter| Limits {
            limiter,
            general: Allowance::new("general", settings.rate_limit_per_minute),
            credentials: Allowance::new("credentials", settings.auth_rate_limit_per_minute),
        });
        let cache = Cache::new(redis.clone(), settings.cache_ttl, clock.clone());
        let lifecycle = Lifecycle::default();
        let metrics = recorded.zip(settings.metrics_port).map(|(recorded, port)| {
            let (database, hasher) = (database.clone(), hasher.clone());
            let observe = move || {
                database.observe();
                hasher.observe();
            };
            let address = SocketAddr::new(settings.metrics_host, port);
            MetricsServer::new(recorded, observe, address)
        });
        let store = Store::new(database.clone(), clock.clone());
        let api = Api {
            auth: AuthService::new(store.clone(), hasher.clone(), signer, lifetimes, logins, clock.clone()),
            users: UserService::new(store, hasher, sealer, cache, password_checks, clock),
            health: HealthService::new(database, redis, lifecycle.clone()),
            name: settings.app_name.clone(),
            prefix: settings.api_v1_prefix.clone(),
            limits,
            max_requests: settings.max_requests,
            // A connection whose body is waited for is not idle: half of them stay for others.
            max_arrivals: settings.max_requests.min((settings.max_connections / 2).max(1)),
            body_timeout: BodyTimeout(settings.body_timeout),
            stack: Stack {
                proxies: Proxies {
                    trusted: settings.trusted_proxies.clone(),
                    header: settings.forwarded_header,
                },
                cors_origins: AllowedOrigins::new(&settings.cors_origins, settings.app_env),
                request_timeout: settings.request_timeout,
            },
        };
        let tls = settings.tls_certificate_file.clone().zip(settings.tls_key_file.clone());
        let server = Server {
            header_timeout: settings.header_timeout,
            keep_alive_timeout: settings.keep_alive_timeout,
            max_connections: settings.max_connections,
            max_connections_per_ip: settings.max_connections_per_ip,
            trusted_proxies: settings.trusted_proxies.clone(),
            drain: settings.drain_timeout,
            shutdown_timeout: settings.shutdown_timeout,
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            unix_socket: settings.unix_socket.clone(),
            is_measured: true,
        };
        Ok(Self { endpoint: api.into_endpoint()?, server, lifecycle, metrics })
    }

    /// Listens until `stop` is done, then lets the requests in flight finish. `listening` learns the address: with
    /// port 0 it is known only now.
    ///
    /// # Errors
    /// [`StartError::Serve`].
    pub async fn serve(
        self,
        address: SocketAddr,
        listening: impl FnOnce(SocketAddr),
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let metrics = match self.metrics {
            Some(metrics) => Some(metrics.start().await?),
            None => None,
        };
        let served = self.server.serve(self.endpoint, address, listening, self.lifecycle, stop).await;
        // To the end: how the service stops is worth seeing too.
        if let Some(metrics) = metrics {
            metrics.stop().await;
        }
        Ok(served?)
    }
}

/// Says which tier each part runs on, and what is set but not yet in use: nothing falls back silently.
fn announce(settings: &Settings) {
    tracing::info!(
        environment = %settings.app_env,
        database = settings.database_url.tier(),
        replicas = settings.database_replica_urls.len(),
        state = settings.redis_url.as_ref().map_or("in_process", RedisUrl::tier),
        version = env!("CARGO_PKG_VERSION"),
        "starting"
    );
    if let AllowedOrigins::Local = AllowedOrigins::new(&settings.cors_origins, settings.app_env) {
        tracing::info!(
            "pages on localhost, 127.0.0.1 and [::1] may call the API from any port, in development only: CORS_ORIGINS lists \
             origins elsewhere"
        );
    }
}
