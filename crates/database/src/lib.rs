#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod backup;
mod config;
mod connection;
mod database;
mod error;
pub mod files;
mod integer_value;
pub mod migrations;
mod pool;
mod postgres;
mod prepared;
mod row_lock;
mod server_error;
mod sqlite;
mod text_value;
pub mod url;

pub use config::{Config, PoolSize};
pub use connection::Connection;
pub use database::Database;
pub use error::{DbError, Unavailable};
pub use postgres::{MAX_LAG, Notifications, ReplicaReport, ReplicaState, UnhealthyReason};
pub use prepared::{Prepared, prepared};
pub use row_lock::{
    ForShare, ForUpdate, IsAnyLocked, IsLocked, SkipLocked, for_share, for_update, is_any_locked, is_locked,
    skip_locked,
};

/// The name, the help text and the bucket bounds of each metric; names have no prefix.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    ("db_connections", "Connections to the database, by pool and by state: used or idle.", &[]),
    ("db_connections_max", "Connections to the database that a pool may have.", &[]),
    (
        "db_wait_seconds",
        "Seconds that a request waited for a connection to the database, by pool; not of those that shared one.",
        &[0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0],
    ),
    (
        "db_timeouts_total",
        "Waits that ended without a connection because `DB_POOL_TIMEOUT` had passed, by pool.",
        &[],
    ),
    ("db_replicas", "Replicas, by state: used, unchecked or `left_out`.", &[]),
];

/// For the macro [`on`] alone.
#[doc(hidden)]
pub mod __private {
    pub use crate::connection::{Backend, query_span};
    pub use tracing::Instrument;
}
