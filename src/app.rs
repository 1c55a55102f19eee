//! The composition root: settings become state, state becomes routes, routes become a server. The only file that
//! knows everything.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use groundwork_telemetry::MetricsHandle;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::api::document::DocumentError;
use crate::api::forwarded::TrustedProxies;
use crate::api::server::{self, BindError, Server, TlsFiles};
use crate::core::cache::Cache;
use crate::core::clock::Clock;
use crate::core::rate_limit::{Quota, RateLimiter};
use crate::core::redis::{Redis, RedisConfig, driver::RedisError};
use crate::core::security::DOMAIN;
use crate::core::security::hasher::Hasher;
use crate::core::security::seal::ValueSigner;
use crate::core::security::tokens::{TokenKeys, TokenSigner};
use crate::core::settings::{AppEnv, DatabaseUrl, RedisUrl, Settings, SigningKeyError};
use crate::core::telemetry::traces::span_of;
use crate::db::{Database, DbError, files, migrations};
use crate::services::auth::{AuthService, Lifetimes, LoginLimiter, PasswordCheckLimiter};
use crate::services::health::HealthService;
use crate::services::store::Store;
use crate::services::users::UserService;
use crate::web::hyper_service::hyper_service;
use crate::web::load_shedder::{LoadShedder, RateLimits};
use crate::web::metrics_server::MetricsServer;
use crate::web::middleware::{AllowedOrigins, MiddlewareStack};

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Migrations are not applied, and this process is configured to apply none.
    #[error(
        "the schema of the database is not the newest and MIGRATE_ON_START is false: run `groundwork migrate` with a role \
         that may change the schema (not applied: {})",
        .pending.join(", ")
    )]
    OutdatedSchema {
        /// Their versions.
        pending: Vec<String>,
    },
    /// There is no key to sign tokens with.
    #[error(transparent)]
    Secret(#[from] SigningKeyError),
    /// The address of Redis cannot be used.
    #[error("REDIS_URL cannot be used")]
    Redis(#[source] RedisError),
    /// The document that the handlers declare would break a client.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The server cannot start.
    #[error(transparent)]
    Serve(#[from] BindError),
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
/// As [`migrate`]; [`StartError::OutdatedSchema`] when a migration is missing that may not be applied.
pub async fn prepare_database(settings: &Settings) -> Result<(), StartError> {
    if settings.migrate_on_start {
        return Ok(migrate(settings).await?);
    }
    let pending = migrations::pending(settings).await?;
    if pending.is_empty() { Ok(()) } else { Err(StartError::OutdatedSchema { pending }) }
}

/// The rules about accounts, for the command line.
///
/// # Errors
/// When the database's address is wrong.
pub fn user_service(settings: &Settings) -> Result<UserService, StartError> {
    let hasher = Hasher::new(settings.bcrypt_rounds, settings.bcrypt_queue_size);
    // Nothing is signed on the command line: lists are the API's.
    let page_signer = Arc::new(ValueSigner::new(DOMAIN, []));
    let clock = Clock::default();
    let cache = Cache::new(None, settings.cache_ttl, clock.clone());
    let store = Store::new(Database::new(&settings.into())?, clock.clone());
    Ok(UserService::new(store, hasher, page_signer, cache, None, clock))
}

/// The service, ready to listen.
pub struct App {
    endpoint: BoxEndpoint<'static, Response>,
    server: server::Config,
    shutdown: CancellationToken,
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

        let database = Database::new(&settings.into())?;
        database.watch();
        let hasher = Hasher::new(settings.bcrypt_rounds, settings.bcrypt_queue_size);
        let previous = &settings.jwt_previous_secret_keys;
        let signer = Arc::new(TokenSigner::new(
            TokenKeys { domain: DOMAIN, current: &secret, previous },
            clock.clone(),
        ));
        let page_signer = Arc::new(ValueSigner::new(DOMAIN, std::iter::once(&secret).chain(previous)));
        let lifetimes =
            Lifetimes { access: settings.access_token_expire, refresh: settings.refresh_token_expire };
        let redis = redis_config(settings).map(Redis::new).transpose().map_err(StartError::Redis)?;
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
        let rate_limits = limiter.map(|limiter| RateLimits {
            limiter,
            general: Quota::new("general", settings.rate_limit_per_minute),
            credentials: Quota::new("credentials", settings.auth_rate_limit_per_minute),
        });
        let cache = Cache::new(redis.clone(), settings.cache_ttl, clock.clone());
        let shutdown = CancellationToken::new();
        let metrics = MetricsHandle::installed().zip(settings.metrics_port).map(|(recorded, port)| {
            let (database, hasher) = (database.clone(), hasher.clone());
            let observe = move || {
                database.observe();
                hasher.observe();
            };
            let address = SocketAddr::new(settings.metrics_host, port);
            MetricsServer::new(recorded, observe, address)
        });
        // A connection with a pending body is not idle, so bodies get half of the connections.
        let max_pending_bodies = settings.max_requests.min((settings.max_connections / 2).max(1));
        let store = Store::new(database.clone(), clock.clone());
        let api = Api {
            auth: AuthService::new(store.clone(), hasher.clone(), signer, lifetimes, logins, clock.clone()),
            users: UserService::new(store, hasher, page_signer, cache, password_checks, clock),
            health: HealthService::new(database, redis, shutdown.clone()),
            name: settings.app_name.clone(),
            prefix: settings.api_v1_prefix.clone(),
            load_shedder: LoadShedder::new(rate_limits, settings.max_requests, max_pending_bodies),
            body_timeout: settings.body_timeout,
            middleware: MiddlewareStack {
                proxies: TrustedProxies {
                    networks: settings.trusted_proxies.clone(),
                    header: settings.forwarded_header,
                },
                cors_origins: allowed_origins(settings),
                request_timeout: settings.request_timeout,
            },
        };
        let tls = settings.tls_certificate_file.clone().zip(settings.tls_key_file.clone());
        let server = server::Config {
            header_timeout: settings.header_timeout,
            keep_alive_timeout: settings.keep_alive_timeout,
            max_connections: settings.max_connections,
            max_connections_per_network: settings.max_connections_per_ip,
            trusted_proxies: settings.trusted_proxies.clone(),
            drain_timeout: settings.drain_timeout,
            shutdown_timeout: settings.shutdown_timeout,
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            unix_socket: settings.unix_socket.clone(),
            has_metrics: true,
        };
        Ok(Self { endpoint: api.into_endpoint()?, server, shutdown, metrics })
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
        tokio::join!(server.serve(make_service, self.shutdown.clone()), stopping);
        // To the end: how the service stops is worth seeing too.
        if let Some(metrics) = metrics {
            metrics.stop().await;
        }
        Ok(())
    }
}

/// Where state is shared; `None` if it is in process.
fn redis_config(settings: &Settings) -> Option<RedisConfig> {
    Some(RedisConfig {
        url: settings.redis_url.clone()?,
        key_prefix: settings.redis_key_prefix.to_string(),
        timeout: settings.redis_timeout,
        call_span: || span_of!("redis", "client", db.system.name = "redis"),
    })
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
    if let AllowedOrigins::Local = allowed_origins(settings) {
        tracing::info!(
            "pages on localhost, 127.0.0.1 and [::1] may call the API from any port, in development only: CORS_ORIGINS lists \
             origins elsewhere"
        );
    }
}

/// `CORS_ORIGINS`; in development without any, the origins of this machine.
fn allowed_origins(settings: &Settings) -> AllowedOrigins {
    if settings.cors_origins.is_empty() && settings.app_env == AppEnv::Development {
        AllowedOrigins::Local
    } else {
        AllowedOrigins::Listed(settings.cors_origins.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_development_without_a_list_allows_the_origins_of_its_machine() {
        let allows_local = |env: &str, origins: &str| {
            let settings = Settings::from_lookup(|name| match name {
                "APP_ENV" => Some(env.to_owned()),
                "CORS_ORIGINS" => Some(origins.to_owned()),
                "JWT_SECRET_KEY" => Some("0f2a4c6e8b1d3f5a7c9e0b2d4f6a8c1e".to_owned()),
                _ => None,
            });
            matches!(allowed_origins(&settings.unwrap()), AllowedOrigins::Local)
        };
        assert!(allows_local("development", ""));
        assert!(!allows_local("development", "https://app.example"));
        assert!(!allows_local("staging", "") && !allows_local("production", ""));
    }
}
