//! Addresses of databases, read and checked.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio_postgres::config::{Config, Host};

const DEFAULT_PORT: u16 = 5432;

/// The primary database.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// A SQLite file, by its path.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

/// A PostgreSQL server, and how to connect to it. `Debug` shows no password.
#[derive(Clone)]
pub struct PostgresUrl {
    config: Box<Config>,
    tls: Tls,
}

/// How a connection is protected: `sslmode` and `sslrootcert` in the meaning of libpq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Disable,
    /// Encrypted if the server supports it, without checking its identity.
    Prefer,
    /// Encrypted, without checking the server's identity.
    Require,
    /// Encrypted, to a server whose certificate one of the authorities in this file has issued,
    /// for whatever name.
    VerifyCa(PathBuf),
    /// Encrypted, to a server whose certificate is valid for the name in the address.
    VerifyFull(Roots),
}

/// The trusted certificate authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Those of the operating system.
    System,
    /// Those in this PEM file.
    File(PathBuf),
}

/// What a connection to PostgreSQL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// One session of the server for as long as the connection is open.
    Session,
    /// A pooler that may use another session for each transaction, such as `PgBouncer` with
    /// `pool_mode=transaction`.
    Transaction,
}

impl PostgresUrl {
    /// Of what the driver has to know, the password included, and how connections are protected.
    /// The `sslmode` in `config` must be as strict as `tls`.
    pub fn new(config: Config, tls: Tls) -> Self {
        Self { config: Box::new(config), tls }
    }

    /// What the driver has to know, the password included.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How connections are protected.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// The first host and its port: a name for logs and reports.
    pub fn server(&self) -> String {
        host_and_port(&self.config)
    }
}

/// The first host and its port.
pub(crate) fn host_and_port(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
    match (config.get_hosts().first(), config.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) if name.contains(':') => format!("[{name}]:{port}"),
        (Some(Host::Tcp(name)), _) => format!("{name}:{port}"),
        (Some(Host::Unix(path)), _) => format!("{}:{port}", path.display()),
        (None, Some(address)) => SocketAddr::new(*address, port).to_string(),
        (None, None) => format!(":{port}"),
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.server())
    }
}
