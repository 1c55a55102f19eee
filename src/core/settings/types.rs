//! Settings that are a choice among names.

use std::fmt;

/// Where the service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEnv {
    /// On a developer's machine: starts with nothing set.
    Development,
    /// Before production, with the rules of production except the one on placeholder secrets.
    Staging,
    /// For real users: refuses every default that would be unsafe.
    Production,
}

impl AppEnv {
    /// Every environment.
    pub const ALL: [Self; 3] = [Self::Development, Self::Staging, Self::Production];

    /// Whether other people depend on it, so that convenience gives way to safety.
    pub fn is_deployed(self) -> bool {
        self != Self::Development
    }
}

impl fmt::Display for AppEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for collectors.
    Json,
}

impl LogFormat {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// What a connection to PostgreSQL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// One session of the server, for as long as it is open.
    Session,
    /// A pooler that gives it another session for each transaction, as `PgBouncer` does with `pool_mode=transaction`.
    Transaction,
}

impl PoolMode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Session, Self::Transaction];
}

impl fmt::Display for PoolMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
        })
    }
}

/// How tokens are signed. One value: a service that both signs and verifies needs no other, and a choice would
/// be one more thing to get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
}

impl JwtAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 1] = [Self::Hs256];
}

impl fmt::Display for JwtAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hs256 => "HS256",
        })
    }
}
