//! What every layer may use: settings, clock, ids, validated text, security, rate limits, cache, telemetry.
//!
//! Nothing here knows HTTP, SQL or the other layers.

pub mod context;
pub mod email;
pub mod email_prefix;
pub mod ids;
pub mod security;
pub mod telemetry;
pub mod text;

pub use crate::settings;
pub use groundwork_clock as clock;
pub use groundwork_files as files;
pub use groundwork_state::{cache, redis};

/// Rate limits.
pub mod rate_limit {
    pub use groundwork_state::rate_limit::client_network as client_at;
    pub use groundwork_state::rate_limit::*;
}
