//! What every layer may use: settings, clock, ids, validated text, security, rate limits, cache, telemetry.
//!
//! Nothing here knows HTTP, SQL or the other layers.

pub mod cache;
pub mod context;
pub mod email;
pub mod email_prefix;
pub mod ids;
pub mod lifecycle;
pub mod rate_limit;
pub mod redis;
pub mod security;
pub mod telemetry;
pub mod text;

pub use crate::settings;
pub use groundwork_clock as clock;
pub use groundwork_files as files;
