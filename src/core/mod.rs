//! What every layer may use: settings, security, clock, telemetry.

pub mod settings;
