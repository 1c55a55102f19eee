//! Addresses of databases, which may hold a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::MASK;
use super::check::{Check, join, list};
pub use postgres::{PostgresUrl, Roots, Tls};
use postgres::{Role, is_postgres, postgres};

pub(super) mod options;
mod postgres;

/// The primary database.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// A SQLite file, by its path.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

impl DatabaseUrl {
    /// The tier as logs, the readiness report and documents name it.
    pub fn tier(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }
}

impl fmt::Display for DatabaseUrl {
    /// The address without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// An address that cannot be used. The message repeats nothing of it, as it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a database address {0}")]
pub struct InvalidUrl(String);

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(raw: &str) -> Result<Self, InvalidUrl> {
        Database.read(raw).map_err(InvalidUrl)
    }
}

/// An address whose password shows as `********` in `Debug` and `Display`.
#[derive(Clone)]
pub struct SecretUrl {
    url: SecretString,
    shown: String,
}

impl SecretUrl {
    /// The whole address, for the driver that connects to it.
    pub fn expose(&self) -> &str {
        self.url.expose_secret()
    }

    pub(super) fn new(parts: &Parts<'_>) -> Self {
        let Parts { scheme, user, host, path, query, .. } = parts;
        let user = match user {
            Some((name, Some(_))) => format!("{name}:{MASK}@"),
            Some((name, None)) => format!("{name}@"),
            None => String::new(),
        };
        let query = match query {
            Some(query) => format!("?{}", query.split('&').map(masked_option).collect::<Vec<_>>().join("&")),
            None => String::new(),
        };
        Self { url: parts.raw.into(), shown: format!("{scheme}://{user}{host}{path}{query}") }
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({})", self.shown)
    }
}

/// An option of a query, without its value when that may be a password. The driver decodes names too, so a name
/// with a `%` may be any.
fn masked_option(option: &str) -> String {
    match option.split_once('=') {
        Some((name, _))
            if ["password", "pass"].iter().any(|secret| name.eq_ignore_ascii_case(secret))
                || name.contains('%') =>
        {
            format!("{name}={MASK}")
        }
        _ => option.to_owned(),
    }
}

/// An address taken apart.
pub(super) struct Parts<'a> {
    raw: &'a str,
    pub scheme: &'a str,
    /// The name, and the password if there is one.
    pub user: Option<(&'a str, Option<&'a str>)>,
    /// The host and the port, or several of them.
    pub host: &'a str,
    /// Empty, or from the slash on.
    pub path: &'a str,
    pub query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    pub(super) fn split(raw: &'a str) -> Option<Result<Self, String>> {
        let (scheme, rest) = raw.split_once("://")?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // Drivers disagree on where a password with these characters ends. Here such an address could be shown
        // with half of the password in it.
        if tail.contains(['@', '#']) || authority.matches('@').count() > 1 {
            return Some(Err(
                "must percent-encode @ / ? # in a user name or password (%40 %2F %3F %23)".to_owned()
            ));
        }
        if raw.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Some(Err("must not contain white space".to_owned()));
        }
        let (user, host) = match authority.split_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let user = user.map(|user| match user.split_once(':') {
            Some((name, password)) => (name, Some(password)),
            None => (user, None),
        });
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (tail, None),
        };
        Some(Ok(Self { raw, scheme, user, host, path, query }))
    }
}

fn sqlite(path: &str) -> Result<PathBuf, String> {
    if path.is_empty() || path.contains(":memory:") || path.contains("mode=memory") {
        return Err(
            "must name a file: a database in memory would be another one for every connection".to_owned()
        );
    }
    if path.starts_with("file:") || path.contains('?') {
        return Err("must be a plain path after sqlite://, without file: and without options".to_owned());
    }
    if path.ends_with('/') {
        return Err("must name a file, not a directory".to_owned());
    }
    Ok(PathBuf::from(path))
}

/// The address of the primary database.
pub(super) struct Database;

impl Check for Database {
    type Value = DatabaseUrl;
    const SECRET: bool = true;

    fn read(&self, raw: &str) -> Result<DatabaseUrl, String> {
        match raw.strip_prefix("sqlite://") {
            Some(path) => sqlite(path).map(DatabaseUrl::Sqlite),
            None if is_postgres(raw) => postgres(raw, Role::Primary).map(DatabaseUrl::Postgres),
            None => Err("must start with sqlite://, postgres:// or postgresql://".to_owned()),
        }
    }

    fn show(&self, value: &DatabaseUrl) -> String {
        value.to_string()
    }

    fn accepts(&self) -> String {
        "`sqlite://path`, where a third slash starts an absolute path, or `postgres://user:password@host:port/database`, \
         where several hosts are `host1:port,host2:port`, of which the one is used that takes writes \
         (`target_session_attrs=read-write`, the default); `?sslmode=` is `disable` (the default), `prefer`, `require`, `verify-ca` or `verify-full`, and \
         `&sslrootcert=` a file of certificates."
            .to_owned()
    }
}

/// A PostgreSQL server.
pub(super) struct Postgres;

impl Check for Postgres {
    type Value = PostgresUrl;
    const SECRET: bool = true;

    fn read(&self, raw: &str) -> Result<PostgresUrl, String> {
        postgres(raw, Role::Primary)
    }

    fn show(&self, value: &PostgresUrl) -> String {
        value.to_string()
    }

    fn accepts(&self) -> String {
        "A `postgres://` address as in `DATABASE_URL`.".to_owned()
    }
}

/// The addresses of replicas.
pub(super) struct Replicas;

impl Check for Replicas {
    type Value = Vec<PostgresUrl>;
    const SECRET: bool = true;

    fn read(&self, raw: &str) -> Result<Vec<PostgresUrl>, String> {
        list(raw, |entry| postgres(entry, Role::Replica))
    }

    fn show(&self, value: &Vec<PostgresUrl>) -> String {
        join(value)
    }

    fn accepts(&self) -> String {
        "Comma-separated `postgres://` addresses of one host each, with `sslmode` and `sslrootcert` as in `DATABASE_URL`."
            .to_owned()
    }
}

#[cfg(test)]
mod tests;
