//! Logs: one line an event on standard error, as text or JSON. Metrics are beside them.

pub mod metrics;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::core::settings::{LogFormat, Settings};

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(settings: &Settings) {
    // The settings have checked the directive; a filter that logs everything from `info` is the safe reading.
    let filter = EnvFilter::try_new(&settings.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Complaining on standard error that standard error cannot be written would panic, and end the process.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE);
    // Colours would put escape sequences of our own into logs that are read by machines.
    let started = match settings.log_format {
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging had been started before");
    }
}
