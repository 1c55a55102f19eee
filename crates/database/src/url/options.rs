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

/// The options that the driver does not know, or not in full.
#[derive(Default)]
pub(super) struct OwnOptions {
    mode: Option<String>,
    root: Option<String>,
    target: Option<String>,
}

impl OwnOptions {
    /// Takes these options out of an address. Returns the others too.
    pub(super) fn split<'a>(parts: &Parts<'a>) -> Result<(Self, Vec<&'a str>), UrlError> {
        let mut own = Self::default();
        let mut others = Vec::new();
        for option in parts.options() {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            // Decoded as the driver does, or the driver would find an option that was hidden here.
            let name = decode(name)?;
            let slot = match &*name {
                "sslmode" => &mut own.mode,
                "sslrootcert" => &mut own.root,
                "target_session_attrs" => &mut own.target,
                _ => {
                    others.push(option);
                    continue;
                }
            };
            if slot.replace(decode(value)?).is_some() {
                return Err(UrlError::new(format!("names {name} twice")));
            }
        }
        Ok((own, others))
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

fn decode(text: &str) -> Result<String, UrlError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| UrlError::new("has an option that is not UTF-8"))
}

/// The address as the driver reads it, so that an address accepted here is not refused at the first
/// connection. The driver's message may repeat the address, so it is not passed on: each option is
/// tried alone to find the wrong one.
pub(super) fn read(base: &str, options: &[&str]) -> Result<Config, UrlError> {
    let parse = |options: &str| format!("{base}?{options}").parse::<Config>();
    match parse(&options.join("&")) {
        Ok(config) => Ok(config),
        Err(_) if parse("").is_err() => Err(UrlError::new("has a host or port that cannot be read")),
        Err(_) => Err(options
            .iter()
            .find_map(|option| parse(option).err().map(|error| wrong(option, &error)))
            .unwrap_or_else(|| UrlError::new("has options that cannot be read"))),
    }
}

/// Why the driver refuses an option.
fn wrong(option: &str, error: &tokio_postgres::Error) -> UrlError {
    let name = match option_name(option) {
        Ok(name) => name,
        Err(problem) => return problem,
    };
    // The driver's error types are private: only their text tells a wrong value from an unknown
    // name.
    if error.source().is_some_and(|source| source.to_string().starts_with("invalid value")) {
        return UrlError::new(format!("has a value of the option `{name}` that cannot be used"));
    }
    // What other drivers call the same.
    let hint = match &*name {
        "sslcert" | "sslkey" | "sslpassword" | "sslidentity" => ": client certificates are not supported",
        "ssl" | "tls" => ": write sslmode",
        "schema" | "search_path" | "currentSchema" => ": write options=-csearch_path%3Dname",
        _ => "",
    };
    UrlError::unknown(name, hint)
}
