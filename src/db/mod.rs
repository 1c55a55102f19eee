//! The schema, and the database as this service configures it.

pub mod migrations;
#[allow(missing_docs, reason = "generated")]
pub mod schema;

use groundwork_database::url;
pub use groundwork_database::{
    Config, Connection, Database, DbError, PoolSize, ReplicaReport, ReplicaState, Unavailable,
    UnhealthyReason, backup, files, for_share, for_update, is_locked, on, prepared,
};

use crate::core::settings::{self, Settings};

impl From<&Settings> for Config {
    fn from(settings: &Settings) -> Self {
        Self {
            url: (&settings.database_url).into(),
            replica_urls: settings.database_replica_urls.iter().map(Into::into).collect(),
            pool_mode: settings.db_pool_mode.into(),
            application_name: settings.app_name.clone(),
            pool_size: PoolSize {
                min_idle: settings.db_pool_size,
                max_size: settings.db_pool_size + settings.db_max_overflow,
            },
            pool_timeout: settings.db_pool_timeout,
            statement_timeout: settings.db_statement_timeout,
            write_timeout: settings.request_timeout,
        }
    }
}

impl From<&settings::DatabaseUrl> for url::DatabaseUrl {
    fn from(given: &settings::DatabaseUrl) -> Self {
        match given {
            settings::DatabaseUrl::Sqlite(path) => Self::Sqlite(path.clone()),
            settings::DatabaseUrl::Postgres(given) => Self::Postgres(given.into()),
        }
    }
}

impl From<&settings::PostgresUrl> for url::PostgresUrl {
    fn from(given: &settings::PostgresUrl) -> Self {
        let roots = |roots: &settings::Roots| match roots {
            settings::Roots::System => url::Roots::System,
            settings::Roots::File(path) => url::Roots::File(path.clone()),
        };
        let tls = match given.tls() {
            settings::Tls::Disable => url::Tls::Disable,
            settings::Tls::Prefer => url::Tls::Prefer,
            settings::Tls::Require => url::Tls::Require,
            settings::Tls::VerifyCa(path) => url::Tls::VerifyCa(path.clone()),
            settings::Tls::VerifyFull(given) => url::Tls::VerifyFull(roots(given)),
        };
        Self::new(given.config().clone(), tls)
    }
}

impl From<settings::PoolMode> for url::PoolMode {
    fn from(given: settings::PoolMode) -> Self {
        match given {
            settings::PoolMode::Session => Self::Session,
            settings::PoolMode::Transaction => Self::Transaction,
        }
    }
}
