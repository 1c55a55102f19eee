//! What every layer may use: settings, clock, ids, validated text, security, rate limits, telemetry.
//!
//! Nothing here knows HTTP, SQL or the other layers.

pub mod clock;
pub mod context;
pub mod email;
pub mod ids;
pub mod rate_limit;
pub mod security;
pub mod settings;
pub mod telemetry;
pub mod text;
