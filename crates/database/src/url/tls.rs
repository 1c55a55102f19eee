//! How an address asks for TLS.

use std::path::PathBuf;

use groundwork_secret_url::UrlError;
use tokio_postgres::config::SslMode;

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

impl Tls {
    pub(super) fn of(sslmode: Option<&str>, sslrootcert: Option<&str>) -> Result<Self, UrlError> {
        let roots = match sslrootcert {
            Some("") => return Err(UrlError::new("has an sslrootcert that names no file")),
            Some("system") => Some(Roots::System),
            path => path.map(|path| Roots::File(path.into())),
        };
        Err(UrlError::new(match (sslmode, roots) {
            (None | Some("disable"), None) => return Ok(Self::Disable),
            (Some("prefer"), None) => return Ok(Self::Prefer),
            (Some("require"), None) => return Ok(Self::Require),
            // As libpq: a root certificate makes `require` verify it.
            (Some("require" | "verify-ca"), Some(Roots::File(path))) => return Ok(Self::VerifyCa(path)),
            (Some("verify-full"), roots) => return Ok(Self::VerifyFull(roots.unwrap_or(Roots::System))),
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

    /// What the driver calls it, which leaves the verification to its TLS connector.
    pub(super) fn driver_mode(&self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa(_) | Self::VerifyFull(_) => SslMode::Require,
        }
    }
}
