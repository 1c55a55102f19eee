//! Where the service runs.

use std::fmt;

/// The environment of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEnv {
    /// A developer's machine: starts with nothing set.
    Development,
    /// Before production, with the rules of production except the one on placeholder secrets.
    Staging,
    /// Real users: refuses every default that would be unsafe.
    Production,
}

impl AppEnv {
    pub(super) const NAMES: &[(&str, Self)] =
        &[("development", Self::Development), ("staging", Self::Staging), ("production", Self::Production)];

    /// Whether other people depend on the service, so that safety takes precedence over
    /// convenience.
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
