//! What each crate is configured with.

use groundwork_database as database;
use groundwork_jobs::WorkersConfig;
use groundwork_server as server;
use groundwork_server::TlsFiles;
use groundwork_server::client::TrustedProxies;
use groundwork_state::redis::RedisConfig;
use groundwork_telemetry::SPANS;
use groundwork_web::middleware::{AllowedOrigins, MiddlewareStack};
use groundwork_webhooks::{Networks, SenderConfig};
use hyper::header::HeaderValue;

use super::{AppEnv, Settings};

impl From<&Settings> for database::Config {
    fn from(settings: &Settings) -> Self {
        Self {
            url: settings.database_url.clone(),
            replica_urls: settings.database_replica_urls.clone(),
            pool_mode: settings.db_pool_mode,
            application_name: settings.app_name.clone(),
            pool_size: database::PoolSize {
                min_idle: settings.db_pool_size,
                max_size: settings.db_pool_size + settings.db_max_overflow,
            },
            pool_timeout: settings.db_pool_timeout,
            statement_timeout: settings.db_statement_timeout,
            write_timeout: settings.request_timeout,
        }
    }
}

impl From<&Settings> for server::Config {
    fn from(settings: &Settings) -> Self {
        let tls = settings.tls_certificate_file.clone().zip(settings.tls_key_file.clone());
        Self {
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
        }
    }
}

impl From<&Settings> for WorkersConfig {
    fn from(settings: &Settings) -> Self {
        Self {
            concurrency: settings.job_workers,
            timeout: settings.job_timeout,
            drain: settings.shutdown_timeout,
            ..Self::default()
        }
    }
}

/// `WEBHOOK_ALLOW_PRIVATE_NETWORKS`; without it, only development may send there.
impl From<&Settings> for Networks {
    fn from(settings: &Settings) -> Self {
        let is_development = settings.app_env == AppEnv::Development;
        if settings.webhook_allow_private_networks.unwrap_or(is_development) {
            Self::Any
        } else {
            Self::Public
        }
    }
}

impl From<&Settings> for SenderConfig {
    fn from(settings: &Settings) -> Self {
        let user_agent =
            HeaderValue::from_static(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
        Self { user_agent, networks: settings.into(), additional_roots: None }
    }
}

impl From<&Settings> for MiddlewareStack {
    fn from(settings: &Settings) -> Self {
        Self {
            proxies: TrustedProxies {
                networks: settings.trusted_proxies.clone(),
                header: settings.forwarded_header,
                setting: "TRUSTED_PROXIES",
            },
            cors_origins: settings.into(),
            request_timeout: settings.request_timeout,
        }
    }
}

/// `CORS_ORIGINS`; in development without any, the origins of this machine.
impl From<&Settings> for AllowedOrigins {
    fn from(settings: &Settings) -> Self {
        if settings.cors_origins.is_empty() && settings.app_env == AppEnv::Development {
            Self::Local
        } else {
            Self::Listed(settings.cors_origins.clone())
        }
    }
}

impl Settings {
    /// `None` if state is in process.
    pub fn redis(&self) -> Option<RedisConfig> {
        Some(RedisConfig {
            url: self.redis_url.clone()?,
            key_prefix: self.redis_key_prefix.clone(),
            timeout: self.redis_timeout,
            call_span: || {
                tracing::info_span!(
                    target: SPANS, "part", otel.name = "redis", otel.kind = "client", db.system.name = "redis"
                )
            },
        })
    }

    /// How many bodies may be arriving at once. A connection with a pending body is not idle, so
    /// bodies get half of the connections.
    pub fn max_pending_bodies(&self) -> usize {
        self.max_requests.min((self.max_connections / 2).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_lead_to_private_networks_only_in_development_or_where_it_is_allowed() {
        let networks = |env: &str, allowed: Option<&str>| {
            let settings = Settings::from_lookup(|name| match name {
                "APP_ENV" => Some(env.to_owned()),
                "WEBHOOK_ALLOW_PRIVATE_NETWORKS" => allowed.map(str::to_owned),
                "JWT_SECRET_KEY" => Some("0f2a4c6e8b1d3f5a7c9e0b2d4f6a8c1e".to_owned()),
                _ => None,
            });
            Networks::from(&settings.unwrap())
        };
        assert_eq!(networks("development", None), Networks::Any);
        assert_eq!(networks("development", Some("false")), Networks::Public);
        assert_eq!(networks("staging", None), Networks::Public);
        assert_eq!(networks("production", None), Networks::Public);
        assert_eq!(networks("production", Some("true")), Networks::Any);
    }

    #[test]
    fn only_development_without_a_list_allows_the_origins_of_its_machine() {
        let allows_local = |env: &str, origins: &str| {
            let settings = Settings::from_lookup(|name| match name {
                "APP_ENV" => Some(env.to_owned()),
                "CORS_ORIGINS" => Some(origins.to_owned()),
                "JWT_SECRET_KEY" => Some("0f2a4c6e8b1d3f5a7c9e0b2d4f6a8c1e".to_owned()),
                _ => None,
            });
            matches!(AllowedOrigins::from(&settings.unwrap()), AllowedOrigins::Local)
        };
        assert!(allows_local("development", ""));
        assert!(!allows_local("development", "https://app.example"));
        assert!(!allows_local("staging", "") && !allows_local("production", ""));
    }
}
