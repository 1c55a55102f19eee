//! Addresses of Redis, which may contain a password.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// An address that is shown without its password.
#[derive(Clone)]
pub struct SecretUrl {
    url: SecretString,
    shown: String,
}

impl SecretUrl {
    /// `shown` is what [`Display`](fmt::Display) and [`Debug`] show instead of the address.
    pub fn new(url: SecretString, shown: String) -> Self {
        Self { url, shown }
    }

    /// The whole address, for the driver.
    pub fn expose(&self) -> &str {
        self.url.expose_secret()
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

/// Where Redis is.
#[derive(Clone, Debug)]
pub enum RedisUrl {
    /// One server.
    Server(SecretUrl),
    /// A master that Sentinels monitor.
    Sentinel(SentinelUrl),
    /// A cluster.
    Cluster {
        /// The address as configured.
        url: SecretUrl,
        /// One address per node, for the driver; not all nodes of the cluster are needed.
        nodes: Vec<SecretString>,
    },
}

impl RedisUrl {
    /// The tier as logs and the readiness report name it.
    pub fn tier(&self) -> &'static str {
        match self {
            Self::Server(_) => "redis",
            Self::Sentinel(_) => "redis_sentinel",
            Self::Cluster { .. } => "redis_cluster",
        }
    }

    /// The addresses of the nodes for the driver; none with Sentinels, which name the master later.
    pub fn expose_nodes(&self) -> Vec<&str> {
        match self {
            Self::Server(url) => vec![url.expose()],
            Self::Sentinel(_) => Vec::new(),
            Self::Cluster { nodes, .. } => nodes.iter().map(ExposeSecret::expose_secret).collect(),
        }
    }
}

/// Without the password.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(url) | Self::Sentinel(SentinelUrl { url, .. }) | Self::Cluster { url, .. } => {
                url.fmt(f)
            }
        }
    }
}

/// A master by the Sentinels that monitor it.
#[derive(Clone, Debug)]
pub struct SentinelUrl {
    /// The address as configured.
    pub url: SecretUrl,
    /// One address per Sentinel, without credentials: `redis://` or `rediss://`.
    pub sentinels: Vec<String>,
    /// The name by which Sentinels know the master.
    pub master_name: String,
    /// The address of the master with a placeholder for its host: scheme, credentials and database.
    pub master: SecretString,
}

impl SentinelUrl {
    /// [`master`](Self::master) for the driver.
    pub fn expose_master(&self) -> &str {
        self.master.expose_secret()
    }
}
