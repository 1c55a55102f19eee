//! The options of a PostgreSQL address: those of TLS and of the session, which the driver reads
//! only in part, and errors that name the option that is wrong, but not its value, which may be a
//! secret.

use std::error::Error as _;
use std::path::PathBuf;

use groundwork_secret_url::{Parts, UrlError, option_name};
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

use super::postgres::{Role, Roots, Tls};

/// The options of an address, by who reads them.
#[derive(Default)]
pub(super) struct Options<'a> {
    mode: Option<String>,
    root: Option<String>,
    target: Option<String>,
    hosts: Vec<&'a str>,
    others: Vec<&'a str>,
}

impl<'a> Options<'a> {
    pub(super) fn of(parts: &Parts<'a>) -> Result<Self, UrlError> {
        let mut all = Self::default();
        for option in parts.options() {
            // Decoded as the driver does, or the driver would find an option that was hidden here.
            let name = option_name(option)?;
            let slot = match &*name {
                "sslmode" => &mut all.mode,
                "sslrootcert" => &mut all.root,
                "target_session_attrs" => &mut all.target,
                "host" | "hostaddr" | "port" => {
                    all.hosts.push(option);
                    continue;
                }
                _ => {
                    all.others.push(option);
                    continue;
                }
            };
            let (_, value) = option.split_once('=').unwrap_or_default();
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| UrlError::new("has an option that is not UTF-8"))?;
            if slot.replace(value.into()).is_some() {
                return Err(UrlError::new(format!("names {name} twice")));
            }
        }
        Ok(all)
    }

    /// The address before its options as the driver reads it with them, so that an address accepted
    /// here is not refused at the first connection.
    pub(super) fn read(&self, base: &str) -> Result<Config, UrlError> {
        let no_host = |_| UrlError::new("has a host or port that cannot be read");
        base.parse::<Config>().map_err(no_host)?;
        let options = [&*self.hosts, &*self.others].concat().join("&");
        format!("{base}?{options}").parse().map_err(|error| refused(&error))
    }

    /// The same without user and hosts, which are set one by one.
    pub(super) fn read_without_hosts(&self, path: &str) -> Result<Config, UrlError> {
        let options = self.others.join("&");
        format!("postgres://{path}?{options}").parse().map_err(|error| refused(&error))
    }

    /// Which servers are accepted. By default the primary must accept writes, also if it is a
    /// single host: a name or a proxy may lead to a standby for a while.
    pub(super) fn target(&self, role: Role) -> Result<TargetSessionAttrs, UrlError> {
        match (role, self.target.as_deref()) {
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

    pub(super) fn tls(&self) -> Result<Tls, UrlError> {
        let root = match self.root.as_deref() {
            None => None,
            Some("") => return Err(UrlError::new("has an sslrootcert that names no file")),
            Some("system") => Some(Roots::System),
            Some(path) => Some(Roots::File(PathBuf::from(path))),
        };
        Err(UrlError::new(match (self.mode.as_deref(), root) {
            (None | Some("disable"), None) => return Ok(Tls::Disable),
            (Some("prefer"), None) => return Ok(Tls::Prefer),
            (Some("require"), None) => return Ok(Tls::Require),
            // As libpq: a root certificate makes `require` verify it.
            (Some("require" | "verify-ca"), Some(Roots::File(path))) => return Ok(Tls::VerifyCa(path)),
            (Some("verify-full"), root) => return Ok(Tls::VerifyFull(root.unwrap_or(Roots::System))),
            // Without the host name, any certificate of a public authority would be accepted.
            (Some("require" | "verify-ca"), Some(Roots::System)) => {
                "needs sslmode=verify-full with the authorities of the system"
            }
            (Some("verify-ca"), None) => "has sslmode=verify-ca and names no sslrootcert to verify with",
            (None | Some("disable" | "prefer"), Some(_)) => {
                "has an sslrootcert, which needs sslmode=verify-full, verify-ca or require"
            }
            (Some(_), _) => "has an unknown sslmode: use disable, prefer, require, verify-ca or verify-full",
        }))
    }
}

/// Why the driver refuses an address. Its error types are private, so their texts tell them apart.
/// All names of options were checked to be no secret.
fn refused(error: &tokio_postgres::Error) -> UrlError {
    let problem = error.source().map(ToString::to_string).unwrap_or_default();
    let Some(name) = problem.split('`').nth(1) else {
        return UrlError::new("has an option that is not UTF-8");
    };
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
}
