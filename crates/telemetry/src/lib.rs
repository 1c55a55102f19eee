#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod context;
mod job_trace;
mod json;
mod levels;
mod metrics;
mod otlp;
mod trace_context;
mod traces;
mod values;
mod writer;

use std::io::{IsTerminal, stderr};

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use crate::job_trace::JobTrace;
pub use crate::metrics::{METRICS, Metric, MetricsConfig, MetricsHandle, UPKEEP_INTERVAL};
pub use crate::traces::{RequestTrace, SPANS, TracesConfig, traceparent};
pub use crate::values::{collector_url, log_filter};
pub use crate::writer::flush as flush_logs;

/// What to record, and under which names.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directives of `tracing_subscriber::EnvFilter`, such as `info,my_service=debug`. Where they
    /// cannot be parsed, `info` applies.
    pub log_level: String,
    /// How a log line is written.
    pub log_format: LogFormat,
    /// The crates whose `debug` and `trace` events may be logged: the service's own.
    pub own_crates: &'static [&'static str],
    /// The target of audit events. The log buffer reserves 1 MiB for them.
    pub audit_target: &'static str,
    /// The version that runs: of the metric `build_info`, and `service.version` of the traces.
    pub version: &'static str,
    /// Without it, recording a metric does nothing.
    pub metrics: Option<MetricsConfig>,
    /// Without it, no span is created.
    pub traces: Option<TracesConfig>,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thread that writes log lines could not be started.
    #[error("the thread that writes the log cannot be started")]
    LogThread(#[source] std::io::Error),
    /// Another logger is installed in this process.
    #[error("another logger is installed in this process")]
    Logger(#[from] TryInitError),
    /// A name or a bound of [`MetricsConfig::metrics`] is invalid.
    #[error("a metric is declared wrongly")]
    Metric(#[from] metrics_exporter_prometheus::BuildError),
    /// Another metrics recorder is installed in this process.
    #[error("another metrics recorder is installed in this process")]
    Recorder,
    /// The exporter refuses its configuration.
    #[error("traces cannot be exported to the configured endpoint")]
    Exporter(#[from] ExporterBuildError),
    /// The certificates to verify the collector with cannot be read.
    #[error("the system's certificates to verify the collector with cannot be read")]
    Certificates(#[source] std::io::Error),
}

/// Starts logs, metrics and traces for the whole process, once. A metric handle that was created
/// earlier stays without effect. With [`Config::traces`], it must be called within a Tokio runtime,
/// which then sends the spans.
///
/// # Errors
/// [`Error`]; also when it is called twice.
pub fn init(config: &Config) -> Result<Guard, Error> {
    if let Some(metrics) = &config.metrics {
        MetricsHandle::install(metrics, config.version)?;
    }
    let traces = config.traces.as_ref().map(|traces| traces::provider(traces, config.version)).transpose()?;
    let registry = tracing_subscriber::registry();
    match &traces {
        // An absent layer, instead of none, would enable every span.
        None => registry.with(log(config)?).try_init()?,
        Some(traces) => registry.with(traces::layer(traces)).with(log(config)?).try_init()?,
    }
    levels::warn_about_withheld(&config.log_level, config.own_crates);
    Ok(Guard { traces })
}

/// The log lines. Exported spans are left out, so that a line's span is always the request's.
fn log<S: Subscriber + for<'a> LookupSpan<'a>>(config: &Config) -> Result<impl Layer<S> + use<S>, Error> {
    let directives = EnvFilter::try_new(&config.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let own_crates = config.own_crates;
    let permitted = filter_fn(move |metadata| levels::may_be_logged(metadata, own_crates));
    let notice = filter_fn(|metadata| metadata.target() == levels::WITHHELD);
    let filter = directives
        .and(permitted.with_max_level_hint(LevelFilter::TRACE))
        .or(notice.with_max_level_hint(LevelFilter::WARN));
    let writer = writer::LogWriter::to_stderr(config.audit_target).map_err(Error::LogThread)?;
    // Reporting on standard error that standard error cannot be written would panic, and end the
    // process.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    // Colours would put escape sequences into logs that machines read.
    let lines = match config.log_format {
        LogFormat::Json => lines.event_format(json::JsonLine).fmt_fields(json::JsonFields).boxed(),
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
    };
    Ok(lines.with_filter(filter))
}

/// Sends the spans that wait (for at most 5 seconds) and writes the log lines that wait (for at
/// most 2) when it is dropped. Drop it while the runtime still runs, on a thread that may block.
#[must_use = "what waits is lost where the guard is not kept until the end"]
#[derive(Debug)]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces
            && let Err(error) = traces.shutdown_with_timeout(traces::SHUTDOWN_TIMEOUT)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
        flush_logs();
    }
}
