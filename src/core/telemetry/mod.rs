//! What the service tells of itself: logs, one line an event on standard error, as text or JSON; metrics; traces.

mod courier;
mod json;
mod levels;
pub mod metrics;
mod prefix;
pub mod trace_context;
pub mod traces;
mod writer;

use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use super::settings::{LogFormat, Settings};
use traces::{SPANS, Traces, TracesError};
pub use writer::flush;

/// The target of audit events, for which the log keeps room.
pub const AUDIT: &str = "groundwork::audit";

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(settings: &Settings) {
    install(settings, None);
}

/// The same, and sends traces where the settings say. To be called in the runtime.
///
/// # Errors
/// When the exporter cannot be made.
pub fn start_with_traces(settings: &Settings) -> Result<Option<Traces>, TracesError> {
    let traces = Traces::new(settings)?;
    install(settings, traces.as_ref());
    Ok(traces)
}

fn install(settings: &Settings, traces: Option<&Traces>) {
    let Some(traces) = traces else {
        // Not with an absent layer: that would enable every span for nobody.
        return say(settings, tracing_subscriber::registry().with(log(settings)).try_init());
    };
    let exported = filter_fn(|metadata| metadata.target() == SPANS).with_max_level_hint(LevelFilter::INFO);
    let spans = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer())
        .with_context_activation(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(exported);
    say(settings, tracing_subscriber::registry().with(spans).with(log(settings)).try_init());
}

fn say(settings: &Settings, started: Result<(), TryInitError>) {
    if let Err(error) = started {
        tracing::debug!(%error, "logging had been started before");
    } else if levels::asks_for_dependencies(&settings.log_level) {
        tracing::warn!(
            target: levels::WITHHELD,
            "LOG_LEVEL asks for debug or trace lines of dependencies; they can hold password hashes and keys, so only this \
             service's own are written"
        );
    }
}

/// The lines of the log. The spans of a trace stay out, so that the current span is always the request's.
fn log<S: Subscriber + for<'a> LookupSpan<'a>>(settings: &Settings) -> impl Layer<S> {
    // The settings have checked the directive; a filter that logs everything from `info` is the safe reading.
    let levels = EnvFilter::try_new(&settings.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let permitted = filter_fn(levels::may_be_logged).with_max_level_hint(LevelFilter::TRACE);
    let notice = filter_fn(|metadata| metadata.target() == levels::WITHHELD);
    let notice = notice.with_max_level_hint(LevelFilter::WARN);
    // Complaining on standard error that standard error cannot be written would panic, and end the process.
    let lines = fmt::layer().with_writer(writer::standard_error()).log_internal_errors(false);
    // Colours would put escape sequences of our own into logs that are read by machines.
    match settings.log_format {
        LogFormat::Json => lines.event_format(json::Lines).fmt_fields(json::Fields).boxed(),
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
    }
    .with_filter(levels.and(permitted).or(notice))
}
