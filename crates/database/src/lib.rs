#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod backup;
mod config;
mod connection;
mod database;
mod error;
pub mod files;
pub mod migrations;
mod pool;
mod postgres;
mod prepared;
mod row_lock;
mod server_error;
mod sqlite;
pub mod url;

pub use config::{Config, PoolSize};
pub use connection::Connection;
pub use database::Database;
pub use error::{DbError, Unavailable};
pub use postgres::{MAX_LAG, ReplicaReport, ReplicaState, UnhealthyReason};
pub use prepared::{Prepared, prepared};
pub use row_lock::{ForShare, ForUpdate, IsLocked, for_share, for_update, is_locked};

/// For the macro [`on`] alone.
#[doc(hidden)]
pub mod __private {
    pub use crate::connection::{Backend, query_span};
    pub use tracing::Instrument;
}
