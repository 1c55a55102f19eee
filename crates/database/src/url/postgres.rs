//! Addresses of PostgreSQL servers: as the driver reads them, except for TLS, which it knows only
//! in part.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use groundwork_secret_url::{SecretUrl, UrlError};
use tokio_postgres::config::{Config, Host, SslMode, SslNegotiation};

use super::options::Options;

const DEFAULT_PORT: u16 = 5432;

/// A PostgreSQL server, and how to connect to it: `postgres://user:password@host:port/database`
/// with the options of `tokio_postgres` and libpq's `sslmode`, `sslrootcert` and
/// `target_session_attrs`.
///
/// As in libpq, `host1:port,host2:port` lists several hosts, of which a connection uses the first
/// that qualifies: by default the one that accepts writes. `sslmode` is `disable` unless set.
/// `Display` and `Debug` mask the password.
#[derive(Clone)]
pub struct PostgresUrl {
    shown: SecretUrl,
    hosts: Vec<Config>,
    tls: Tls,
}

/// How connections are protected: `sslmode` and `sslrootcert` with the meaning libpq gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// No encryption.
    Disable,
    /// Encrypted if the server supports it. The server's identity is not checked.
    Prefer,
    /// Encrypted. The server's identity is not checked.
    Require,
    /// Encrypted. The certificate must be issued by an authority in this file, for any host name.
    VerifyCa(PathBuf),
    /// Encrypted. The certificate must be valid for the host name.
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

impl PostgresUrl {
    /// The address of a replica. It has exactly one host, and `target_session_attrs` does not
    /// default to servers that accept writes.
    ///
    /// # Errors
    /// If the address cannot be used. The message repeats no secret.
    pub fn replica(raw: &str) -> Result<Self, UrlError> {
        parse(raw, Role::Replica)
    }

    /// The driver's configuration for each host, including the password. Its `sslmode` is as strict
    /// as [`PostgresUrl::tls`].
    pub fn hosts(&self) -> &[Config] {
        &self.hosts
    }

    /// How connections are protected.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// The first host and its port, as a name for logs and reports.
    pub fn server(&self) -> String {
        self.hosts.first().map(host_and_port).unwrap_or_default()
    }
}

/// The name of a configuration with one host.
pub(crate) fn host_and_port(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
    match (config.get_hosts().first(), config.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) if name.contains(':') => format!("[{name}]:{port}"),
        (Some(Host::Tcp(name)), _) => format!("{name}:{port}"),
        #[cfg(unix)]
        (Some(Host::Unix(path)), _) => format!("{}:{port}", path.display()),
        (None, Some(address)) => SocketAddr::new(*address, port).to_string(),
        (None, None) => format!(":{port}"),
    }
}

impl FromStr for PostgresUrl {
    type Err = UrlError;

    fn from_str(raw: &str) -> Result<Self, UrlError> {
        parse(raw, Role::Primary)
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt(f)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.shown)
    }
}

pub(super) fn has_scheme(raw: &str) -> bool {
    raw.starts_with("postgres://") || raw.starts_with("postgresql://")
}

/// What the server is to the application.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Accepts writes. The address may list several hosts.
    Primary,
    /// Follows the primary.
    Replica,
}

fn parse(raw: &str, role: Role) -> Result<PostgresUrl, UrlError> {
    if !has_scheme(raw) {
        return Err(UrlError::new("must be postgres://user:password@host:port/database"));
    }
    let shown: SecretUrl = raw.parse()?;
    let parts = shown.parts();
    let options = Options::of(&parts)?;
    let config = options.read(raw.split('?').next().unwrap_or(raw))?;
    let hosts = config.get_hosts();
    let names_a_host = !hosts.is_empty() || !config.get_hostaddrs().is_empty();
    if !names_a_host || hosts.iter().any(|host| matches!(host, Host::Tcp(name) if name.is_empty())) {
        return Err(UrlError::new("names no host"));
    }
    if config.get_ports().contains(&0) {
        return Err(UrlError::new("must name a port from 1 to 65535"));
    }
    if config.get_dbname().is_none() {
        return Err(UrlError::new("names no database"));
    }
    let count = count_hosts(&config, role)?;
    let tls = options.tls()?;
    check_reach(&tls, &config)?;
    let mut common = options.read_without_hosts(parts.path)?;
    if let Some(user) = config.get_user() {
        common.user(user);
    }
    if let Some(password) = config.get_password() {
        common.password(password);
    }
    common.target_session_attrs(options.target(role)?);
    common.ssl_mode(match tls {
        Tls::Disable => SslMode::Disable,
        Tls::Prefer => SslMode::Prefer,
        Tls::Require | Tls::VerifyCa(_) | Tls::VerifyFull(_) => SslMode::Require,
    });
    let hosts = (0..count).map(|index| with_host(common.clone(), &config, index)).collect();
    Ok(PostgresUrl { shown, hosts, tls })
}

fn with_host(mut one: Config, all: &Config, index: usize) -> Config {
    match all.get_hosts().get(index) {
        Some(Host::Tcp(name)) => {
            one.host(name);
        }
        Some(Host::Unix(path)) => {
            one.host_path(path);
        }
        None => {}
    }
    if let Some(address) = all.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    if let Some(port) = all.get_ports().get(index).or(all.get_ports().first()) {
        one.port(*port);
    }
    one
}

/// The driver would notice a mismatch only when it connects.
fn count_hosts(config: &Config, role: Role) -> Result<usize, UrlError> {
    let (hosts, addresses) = (config.get_hosts().len(), config.get_hostaddrs().len());
    let count = hosts.max(addresses);
    // A replica is selected, ejected and reported by itself.
    if role == Role::Replica && count != 1 {
        return Err(UrlError::new("must name one host"));
    }
    if hosts.min(addresses) != 0 && hosts != addresses {
        return Err(UrlError::new("must name as many hosts as hostaddrs"));
    }
    let ports = config.get_ports().len();
    if ports > 1 && ports != count {
        return Err(UrlError::new("must name one port for all hosts or one for each"));
    }
    Ok(count)
}

/// Rejects TLS modes that these hosts cannot honour.
fn check_reach(tls: &Tls, config: &Config) -> Result<(), UrlError> {
    if matches!(tls, Tls::Disable | Tls::Prefer) {
        if config.get_ssl_negotiation() == SslNegotiation::Direct {
            return Err(UrlError::new(
                "has sslnegotiation=direct, which needs an sslmode of require or stricter",
            ));
        }
        return Ok(());
    }
    if config.get_hosts().iter().any(|host| !matches!(host, Host::Tcp(_))) {
        return Err(UrlError::new("asks for TLS over a socket file, where PostgreSQL has none"));
    }
    if config.get_hosts().is_empty() {
        return Err(UrlError::new(
            "asks for TLS with hostaddr alone: name the host too, which the certificate is for",
        ));
    }
    Ok(())
}
