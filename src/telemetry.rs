//! What the service records: log targets, metrics and traces.

use groundwork_telemetry::{Config, Error, Guard, Metric, MetricsConfig, TracesConfig};

use crate::models::audit_events::AUDIT;
use crate::services;
use crate::settings::Settings;

/// The crates that may log below `info`: other crates could log secrets there.
pub const OWN_CRATES: &[&str] = &[
    env!("CARGO_CRATE_NAME"),
    "groundwork_auth",
    "groundwork_database",
    "groundwork_http_client",
    "groundwork_jobs",
    "groundwork_mail",
    "groundwork_openapi",
    "groundwork_server",
    "groundwork_settings",
    "groundwork_state",
    "groundwork_telemetry",
    "groundwork_web",
    "groundwork_webhooks",
];

/// What the names of all metrics begin with, before an underscore.
pub const METRICS_PREFIX: &str = env!("CARGO_CRATE_NAME");

/// All metrics, without the prefix.
pub fn metrics() -> Vec<Metric> {
    [
        services::METRICS,
        groundwork_auth::METRICS,
        groundwork_database::METRICS,
        groundwork_http_client::METRICS,
        groundwork_jobs::METRICS,
        groundwork_mail::METRICS,
        groundwork_server::METRICS,
        groundwork_state::METRICS,
        groundwork_telemetry::METRICS,
        groundwork_web::METRICS,
    ]
    .concat()
}

/// Starts logs, metrics and traces, as the settings configure them. Must run within the runtime.
///
/// # Errors
/// See [`groundwork_telemetry::init`].
pub fn start(settings: &Settings) -> Result<Guard, Error> {
    let service_name = settings.otel_service_name.as_ref().unwrap_or(&settings.app_name);
    let traces = settings.otel_exporter_otlp_endpoint.as_ref().map(|endpoint| TracesConfig {
        endpoint: endpoint.clone(),
        service_name: service_name.clone(),
        sample_ratio: settings.otel_traces_sampler_arg,
    });
    let metrics = settings.metrics_port.map(|_| MetricsConfig { prefix: METRICS_PREFIX, metrics: metrics() });
    groundwork_telemetry::init(&Config { metrics, traces, ..log_config(settings) })
}

/// Starts logs alone, for commands other than `serve`.
///
/// # Errors
/// See [`groundwork_telemetry::init`].
pub fn start_log(settings: &Settings) -> Result<Guard, Error> {
    groundwork_telemetry::init(&log_config(settings))
}

fn log_config(settings: &Settings) -> Config {
    Config {
        log_level: settings.log_level.clone(),
        log_format: settings.log_format,
        own_crates: OWN_CRATES,
        audit_target: AUDIT,
        version: env!("CARGO_PKG_VERSION"),
        metrics: None,
        traces: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_described_once_under_a_name_of_its_kind() {
        let all = metrics();
        for (index, (name, help, buckets)) in all.iter().enumerate() {
            assert!(!name.starts_with(METRICS_PREFIX) && help.ends_with('.'), "{name}");
            assert!(all[..index].iter().all(|(earlier, ..)| earlier != name), "{name} is there twice");
            // Histograms, unlike this gauge of a time.
            let is_histogram = name.ends_with("_seconds") && *name != "jobs_oldest_due_seconds";
            assert_eq!(is_histogram, !buckets.is_empty(), "{name}");
            assert!(buckets.is_sorted(), "{name}");
        }
    }
}
