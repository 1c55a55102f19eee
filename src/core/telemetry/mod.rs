//! What this service records, and under which names; the machinery is `groundwork-telemetry`.

pub mod metrics;

use groundwork_telemetry::{Config, Error, Guard, MetricsConfig, TracesConfig};

use super::settings::Settings;

/// The target of audit events.
pub const AUDIT: &str = "groundwork::audit";

/// The crates that may log below `info`: this one and those of the workspace.
const OWN_CRATES: &[&str] = &[
    "groundwork",
    "groundwork_auth",
    "groundwork_clock",
    "groundwork_database",
    "groundwork_files",
    "groundwork_openapi",
    "groundwork_server",
    "groundwork_settings",
    "groundwork_state",
    "groundwork_telemetry",
    "groundwork_web",
];

/// Spans of the parts of a request.
pub mod traces {
    /// The span of a part of a request: `span_of!("redis", "client", db.system.name = "redis")`.
    macro_rules! span_of {
        ($name:expr, $kind:literal $(, $($field:tt)+)?) => {
            tracing::info_span!(
                target: groundwork_telemetry::SPANS, "part", otel.name = $name, otel.kind = $kind $(, $($field)+)?
            )
        };
    }
    pub(crate) use span_of;
}

/// Starts logs, metrics and traces as the settings say, in the runtime: for the service.
///
/// # Errors
/// See [`groundwork_telemetry::init`].
pub fn start(settings: &Settings) -> Result<Guard, Error> {
    let service_name = settings.otel_service_name.as_ref().unwrap_or(&settings.app_name);
    let traces = settings.otel_exporter_otlp_endpoint.as_ref().map(|endpoint| TracesConfig {
        endpoint: endpoint.to_string(),
        service_name: service_name.clone(),
        sample_ratio: settings.otel_traces_sampler_arg,
    });
    let metrics =
        settings.metrics_port.map(|_| MetricsConfig { prefix: "groundwork", metrics: metrics::all() });
    groundwork_telemetry::init(&Config { metrics, traces, ..log_config(settings) })
}

/// Starts logs alone: for the other commands.
///
/// # Errors
/// See [`groundwork_telemetry::init`].
pub fn start_log(settings: &Settings) -> Result<Guard, Error> {
    groundwork_telemetry::init(&log_config(settings))
}

fn log_config(settings: &Settings) -> Config {
    Config {
        log_level: settings.log_level.to_string(),
        log_format: settings.log_format,
        own_crates: OWN_CRATES,
        audit_target: AUDIT,
        version: env!("CARGO_PKG_VERSION"),
        metrics: None,
        traces: None,
    }
}
