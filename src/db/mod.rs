//! The schema, and the database as this service configures it.

pub mod migrations;
#[allow(missing_docs, reason = "generated")]
pub mod schema;

pub use groundwork_database::{
    Config, Connection, Database, DbError, PoolSize, ReplicaReport, ReplicaState, Unavailable,
    UnhealthyReason, backup, files, for_share, for_update, is_locked, on, prepared,
};

use crate::core::settings::Settings;

impl From<&Settings> for Config {
    fn from(settings: &Settings) -> Self {
        Self {
            url: settings.database_url.clone(),
            replica_urls: settings.database_replica_urls.clone(),
            pool_mode: settings.db_pool_mode,
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
