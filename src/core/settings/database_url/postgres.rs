//! Addresses of PostgreSQL: read as the driver reads them, but for TLS, of which the driver knows only a part.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode, SslNegotiation, TargetSessionAttrs};

use super::{Parts, SecretUrl, options};

const DEFAULT_PORT: u16 = 5432;

/// A PostgreSQL server, and how to connect to it.
#[derive(Clone)]
pub struct PostgresUrl {
    shown: SecretUrl,
    config: Box<Config>,
    tls: Tls,
}

/// How a connection is protected: `sslmode` and `sslrootcert` in the meaning of libpq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Disable,
    /// Encrypted when the server can, whoever it is.
    Prefer,
    /// Encrypted, whoever the server is.
    Require,
    /// Encrypted, to a server with a certificate of one of the authorities in this file, whatever name is in it.
    VerifyCa(PathBuf),
    /// Encrypted, to a server with a certificate for the name it was asked by.
    VerifyFull(Roots),
}

/// The authorities whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Those of the operating system.
    System,
    /// Those in this file.
    File(PathBuf),
}

impl PostgresUrl {
    /// What the driver has to know, the password included. Its `sslmode` is as strict as [`PostgresUrl::tls`].
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How connections are protected.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// The first host and its port: a name for logs and reports.
    pub fn server(&self) -> String {
        let port = self.config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
        match (self.config.get_hosts().first(), self.config.get_hostaddrs().first()) {
            (Some(Host::Tcp(name)), _) if name.contains(':') => format!("[{name}]:{port}"),
            (Some(Host::Tcp(name)), _) => format!("{name}:{port}"),
            #[cfg(unix)]
            (Some(Host::Unix(path)), _) => format!("{}:{port}", path.display()),
            (None, Some(address)) => SocketAddr::new(*address, port).to_string(),
            (None, None) => format!(":{port}"),
        }
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

pub(super) fn is_postgres(raw: &str) -> bool {
    raw.starts_with("postgres://") || raw.starts_with("postgresql://")
}

/// What the server at an address is to the service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that takes writes. Several hosts may stand for it.
    Primary,
    /// One that follows it.
    Replica,
}

pub(super) fn postgres(raw: &str, role: Role) -> Result<PostgresUrl, String> {
    let form = || "must be postgres://user:password@host:port/database".to_owned();
    let parts = match Parts::split(raw) {
        Some(parts) if is_postgres(raw) => parts?,
        _ => return Err(form()),
    };
    let (options, base, rest) = OwnOptions::split(&parts)?;
    let mut config = options::read(base, &rest)?;
    let hosts = config.get_hosts();
    let names_a_host = !hosts.is_empty() || !config.get_hostaddrs().is_empty();
    if !names_a_host || hosts.iter().any(|host| matches!(host, Host::Tcp(name) if name.is_empty())) {
        return Err("names no host".to_owned());
    }
    if config.get_ports().contains(&0) {
        return Err("must name a port from 1 to 65535".to_owned());
    }
    if config.get_dbname().is_none() {
        return Err("names no database".to_owned());
    }
    check_counts(&config, role)?;
    let tls = options.tls()?;
    check_reach(&tls, &config)?;
    config.target_session_attrs(options.target(role)?);
    config.ssl_mode(match tls {
        Tls::Disable => SslMode::Disable,
        Tls::Prefer => SslMode::Prefer,
        Tls::Require | Tls::VerifyCa(_) | Tls::VerifyFull(_) => SslMode::Require,
    });
    Ok(PostgresUrl { shown: SecretUrl::new(&parts), config: Box::new(config), tls })
}

/// The driver finds out when it connects.
fn check_counts(config: &Config, role: Role) -> Result<(), String> {
    let (hosts, addresses) = (config.get_hosts().len(), config.get_hostaddrs().len());
    let count = hosts.max(addresses);
    if role == Role::Replica && count != 1 {
        // A replica is chosen, left out and reported by itself, so an address may not stand for several.
        return Err("must name one host".to_owned());
    }
    if hosts.min(addresses) != 0 && hosts != addresses {
        return Err("must name as many hosts as hostaddrs".to_owned());
    }
    let ports = config.get_ports().len();
    if ports > 1 && ports != count {
        return Err("must name one port for all hosts or one for each".to_owned());
    }
    Ok(())
}

/// What of TLS can be promised where the address leads.
fn check_reach(tls: &Tls, config: &Config) -> Result<(), String> {
    if matches!(tls, Tls::Disable | Tls::Prefer) {
        if config.get_ssl_negotiation() == SslNegotiation::Direct {
            return Err("has sslnegotiation=direct, which needs an sslmode of require or stricter".to_owned());
        }
        return Ok(());
    }
    if config.get_hosts().iter().any(|host| !matches!(host, Host::Tcp(_))) {
        return Err("asks for TLS over a socket file, where PostgreSQL has none".to_owned());
    }
    if config.get_hosts().is_empty() {
        return Err(
            "asks for TLS with hostaddr alone: name the host too, which the certificate is for".to_owned()
        );
    }
    Ok(())
}

/// The options that the driver does not know, or not in full.
#[derive(Default)]
struct OwnOptions {
    mode: Option<String>,
    root: Option<String>,
    target: Option<String>,
}

impl OwnOptions {
    /// Takes the options out of an address, and gives the rest of it back for the driver: what is before the options,
    /// and each of the others.
    fn split<'a>(parts: &Parts<'a>) -> Result<(Self, &'a str, Vec<&'a str>), String> {
        let mut options = Self::default();
        let (base, query) = parts.raw.split_once('?').unwrap_or((parts.raw, ""));
        let mut rest = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            // Decoded as the driver does, or it would find an option that was hidden from this place.
            let name = decode(name)?;
            let slot = match &*name {
                "sslmode" => &mut options.mode,
                "sslrootcert" => &mut options.root,
                "target_session_attrs" => &mut options.target,
                _ => {
                    rest.push(option);
                    continue;
                }
            };
            if slot.replace(decode(value)?).is_some() {
                return Err(format!("names {name} twice"));
            }
        }
        Ok((options, base, rest))
    }

    /// Which servers are taken. Without the option the primary must take writes, also where it is one host: a name or
    /// a proxy may lead to a standby for a while.
    fn target(&self, role: Role) -> Result<TargetSessionAttrs, String> {
        match (role, self.target.as_deref()) {
            (Role::Primary, None | Some("read-write" | "primary")) => Ok(TargetSessionAttrs::ReadWrite),
            (_, Some("any")) | (Role::Replica, None | Some("standby" | "prefer-standby")) => {
                // Whether a replica is one is checked all the time.
                Ok(TargetSessionAttrs::Any)
            }
            (Role::Replica, Some("read-only")) => Ok(TargetSessionAttrs::ReadOnly),
            (Role::Primary, Some(_)) => {
                Err("must have a target_session_attrs of read-write, primary or any".to_owned())
            }
            (Role::Replica, Some(_)) => {
                Err("must have a target_session_attrs of read-only, standby, prefer-standby or any"
                    .to_owned())
            }
        }
    }

    fn tls(&self) -> Result<Tls, String> {
        let root = match self.root.as_deref() {
            None => None,
            Some("") => return Err("has an sslrootcert that names no file".to_owned()),
            Some("system") => Some(Roots::System),
            Some(path) => Some(Roots::File(PathBuf::from(path))),
        };
        match (self.mode.as_deref(), root) {
            (None | Some("disable"), None) => Ok(Tls::Disable),
            (Some("prefer"), None) => Ok(Tls::Prefer),
            (Some("require"), None) => Ok(Tls::Require),
            (Some("require" | "verify-ca"), Some(Roots::File(path))) => Ok(Tls::VerifyCa(path)),
            (Some("verify-full"), root) => Ok(Tls::VerifyFull(root.unwrap_or(Roots::System))),
            // Any certificate that anybody was ever sold would do.
            (Some("require" | "verify-ca"), Some(Roots::System)) => {
                Err("needs sslmode=verify-full with the authorities of the system".to_owned())
            }
            (Some("verify-ca"), None) => {
                Err("has sslmode=verify-ca and names no sslrootcert to verify with".to_owned())
            }
            (None | Some("disable" | "prefer"), Some(_)) => {
                Err("has an sslrootcert, which needs sslmode=verify-full, verify-ca or require".to_owned())
            }
            (Some(_), _) => {
                Err("has an unknown sslmode: use disable, prefer, require, verify-ca or verify-full"
                    .to_owned())
            }
        }
    }
}

fn decode(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "has an option that is not UTF-8".to_owned())
}
