//! Addresses of PostgreSQL servers: as the driver reads them, except for TLS and the kind of the
//! server, which it knows only in part. Errors name the option that is wrong, but not its value,
//! which may be a secret.

use std::error::Error as _;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use groundwork_secret_url::{SecretUrl, UrlError, option_name};
use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode, SslNegotiation, TargetSessionAttrs};

use super::tls::Tls;

const DEFAULT_PORT: u16 = 5432;

/// Options that the driver does not know, or knows only in part.
const OWN_OPTIONS: [&str; 3] = ["sslmode", "sslrootcert", "target_session_attrs"];
/// Options that say where the hosts are.
const HOST_OPTIONS: [&str; 3] = ["host", "hostaddr", "port"];

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
enum Role {
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
    // Decoded as the driver does, or the driver would find an option that was hidden here.
    let options = parts.options().map(|option| Ok((option_name(option)?, option)));
    let options = options.collect::<Result<Vec<_>, UrlError>>()?;
    let tls = Tls::of(value(&options, "sslmode")?.as_deref(), value(&options, "sslrootcert")?.as_deref())?;
    let target = target_session_attrs(role, value(&options, "target_session_attrs")?.as_deref())?;
    let without = |names: &[&str]| {
        let others = options.iter().filter(|(name, _)| !names.contains(&&**name)).map(|(_, option)| *option);
        others.collect::<Vec<_>>().join("&")
    };
    let address = raw.split('?').next().unwrap_or(raw);
    let mut all = driver_config(address, &without(&OWN_OPTIONS))?;
    all.ssl_mode(tls.driver_mode());
    let count = count_hosts(&all, role)?;
    check_reach(&all)?;
    let without_hosts = match address.split_once('@') {
        Some((credentials, _)) => format!("{credentials}@{}", parts.path),
        None => format!("postgres://{}", parts.path),
    };
    let mut common =
        driver_config(&without_hosts, &without(&[&OWN_OPTIONS[..], &HOST_OPTIONS[..]].concat()))?;
    common.ssl_mode(tls.driver_mode()).target_session_attrs(target);
    let hosts = (0..count).map(|index| with_host(common.clone(), &all, index)).collect();
    Ok(PostgresUrl { shown, hosts, tls })
}

/// The decoded value of an option, which may be given once.
fn value(options: &[(String, &str)], name: &str) -> Result<Option<String>, UrlError> {
    let mut found = options.iter().filter(|(found, _)| found == name);
    let Some((_, option)) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(UrlError::new(format!("names {name} twice")));
    }
    let (_, value) = option.split_once('=').unwrap_or_default();
    Ok(Some(percent_decode_str(value).decode_utf8().map_err(|_| not_utf8())?.into()))
}

/// Which servers are accepted. By default the primary must accept writes, also if it is a single
/// host: a name or a proxy may lead to a standby for a while.
fn target_session_attrs(role: Role, value: Option<&str>) -> Result<TargetSessionAttrs, UrlError> {
    match (role, value) {
        (Role::Primary, None | Some("read-write" | "primary")) => Ok(TargetSessionAttrs::ReadWrite),
        // The health checks of replicas verify continuously that they are standbys.
        (_, Some("any")) | (Role::Replica, None | Some("standby" | "prefer-standby")) => {
            Ok(TargetSessionAttrs::Any)
        }
        (Role::Replica, Some("read-only")) => Ok(TargetSessionAttrs::ReadOnly),
        (Role::Primary, Some(_)) => {
            Err(UrlError::new("must have a target_session_attrs of read-write, primary or any"))
        }
        (Role::Replica, Some(_)) => Err(UrlError::new(
            "must have a target_session_attrs of read-only, standby, prefer-standby or any",
        )),
    }
}

/// The address as the driver reads it with these options. Its error types are private, so their
/// texts tell them apart. All names of options were checked to be no secret.
fn driver_config(address: &str, options: &str) -> Result<Config, UrlError> {
    format!("{address}?{options}").parse().map_err(|error: tokio_postgres::Error| {
        let problem = error.source().map(ToString::to_string).unwrap_or_default();
        let Some(name) = problem.split('`').nth(1) else { return not_utf8() };
        if !problem.starts_with("unknown option") {
            return UrlError::new(format!("has a value of the option `{name}` that cannot be used"));
        }
        // What other drivers call the same.
        let hint = match name {
            "sslcert" | "sslkey" | "sslpassword" | "sslidentity" => ": client certificates are not supported",
            "ssl" | "tls" => ": write sslmode",
            "schema" | "search_path" | "currentSchema" => ": write options=-csearch_path%3Dname",
            _ => "",
        };
        UrlError::unknown(name.to_owned(), hint)
    })
}

fn not_utf8() -> UrlError {
    UrlError::new("has a part that is not UTF-8")
}

/// The driver would notice a mismatch only when it connects.
fn count_hosts(config: &Config, role: Role) -> Result<usize, UrlError> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    let is_nameless = |host: &Host| matches!(host, Host::Tcp(name) if name.is_empty());
    Err(UrlError::new(if count == 0 || hosts.iter().any(is_nameless) {
        "names no host"
    } else if ports.contains(&0) {
        "must name a port from 1 to 65535"
    } else if config.get_dbname().is_none() {
        "names no database"
    } else if role == Role::Replica && count != 1 {
        // A replica is selected, ejected and reported by itself.
        "must name one host"
    } else if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        "must name as many hosts as hostaddrs"
    } else if ports.len() > 1 && ports.len() != count {
        "must name one port for all hosts or one for each"
    } else {
        return Ok(count);
    }))
}

/// Rejects TLS modes that these hosts cannot honour.
fn check_reach(config: &Config) -> Result<(), UrlError> {
    let is_required = config.get_ssl_mode() == SslMode::Require;
    let hosts = config.get_hosts();
    Err(UrlError::new(if !is_required && config.get_ssl_negotiation() == SslNegotiation::Direct {
        "has sslnegotiation=direct, which needs an sslmode of require or stricter"
    } else if is_required && hosts.iter().any(|host| !matches!(host, Host::Tcp(_))) {
        "asks for TLS over a socket file, where PostgreSQL has none"
    } else if is_required && hosts.is_empty() {
        "asks for TLS with hostaddr alone: name the host too, which the certificate is for"
    } else {
        return Ok(());
    }))
}

fn with_host(mut one: Config, all: &Config, index: usize) -> Config {
    match all.get_hosts().get(index) {
        Some(Host::Tcp(name)) => one.host(name),
        Some(Host::Unix(path)) => one.host_path(path),
        None => &mut one,
    };
    if let Some(address) = all.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    if let Some(port) = all.get_ports().get(index).or(all.get_ports().first()) {
        one.port(*port);
    }
    one
}
