//! What an application decides about its database.

use std::time::Duration;

use crate::url::{DatabaseUrl, PoolMode, PostgresUrl};

/// How to reach a database and how many connections to hold.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database, or the primary where there are replicas.
    pub url: DatabaseUrl,
    /// Replicas of a PostgreSQL primary; ignored for SQLite.
    pub replica_urls: Vec<PostgresUrl>,
    /// Whether a pooler stands in front of PostgreSQL.
    pub pool_mode: PoolMode,
    /// Shown as `application_name` in PostgreSQL's `pg_stat_activity`.
    pub application_name: String,
    /// Connections per pool of PostgreSQL. SQLite has a writer and up to four readers.
    pub pool_size: PoolSize,
    /// How long a caller waits for a connection.
    pub pool_timeout: Duration,
    /// How long PostgreSQL works on one statement.
    pub statement_timeout: Duration,
    /// How long a write may take, from when the application notes it to its commit. See
    /// [`Database::read_after`](crate::Database::read_after).
    pub write_timeout: Duration,
}

/// How many connections a pool holds.
#[derive(Clone, Copy, Debug)]
pub struct PoolSize {
    /// Kept open when idle.
    pub min_idle: u32,
    /// Open at most.
    pub max_size: u32,
}
