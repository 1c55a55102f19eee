//! Addresses of databases, which may hold a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

pub use groundwork_secret_url::UrlError;
pub use postgres::PostgresUrl;
pub(crate) use postgres::host_and_port;
pub use tls::{Roots, Tls};

mod postgres;
mod tls;

/// The address of a primary database: `sqlite://path`, or a `postgres://` or `postgresql://`
/// address as of [`PostgresUrl`]. `Display` leaves out the password.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

impl DatabaseUrl {
    /// The name of the kind of database for logs and reports: `sqlite` or `postgresql`.
    pub fn tier(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(raw: &str) -> Result<Self, UrlError> {
        match raw.strip_prefix("sqlite://") {
            Some(path) => sqlite(path).map(Self::Sqlite),
            None if postgres::has_scheme(raw) => raw.parse().map(Self::Postgres),
            None => Err(UrlError::new("must start with sqlite://, postgres:// or postgresql://")),
        }
    }
}

fn sqlite(path: &str) -> Result<PathBuf, UrlError> {
    if path.is_empty() || path.contains(":memory:") || path.contains("mode=memory") {
        return Err(UrlError::new(
            "must name a file: a database in memory would be another one for every connection",
        ));
    }
    if path.starts_with("file:") || path.contains('?') {
        return Err(UrlError::new("must be a plain path after sqlite://, without file: and without options"));
    }
    if path.ends_with('/') {
        return Err(UrlError::new("must name a file, not a directory"));
    }
    Ok(PathBuf::from(path))
}

/// What connections to PostgreSQL lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// The server itself: a connection keeps one session for as long as it is open.
    Session,
    /// A pooler that assigns a session per transaction, such as `PgBouncer` with
    /// `pool_mode=transaction`.
    Transaction,
}

#[cfg(test)]
mod tests;
