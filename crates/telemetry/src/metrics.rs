//! Metrics for Prometheus, recorded through the facade `metrics`.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::layers::{Layer, PrefixLayer};

use crate::Error;

/// A metric that a crate declares: its name without the service's prefix, its help text, and the
/// upper bounds of its buckets. With bounds it is a histogram, otherwise a counter where its name
/// ends with `_total`, otherwise a gauge. It is a tuple so that a crate can declare its metrics
/// without depending on this one.
pub type Metric = (&'static str, &'static str, &'static [f64]);

/// Batches of spans sent, by result.
pub(crate) const TRACE_EXPORTS: &str = "trace_exports_total";

/// Log lines dropped.
pub(crate) const LOG_LINES_DROPPED: &str = "log_lines_dropped_total";

const BUILD_INFO: &str = "build_info";

/// The metrics of this crate.
pub const METRICS: &[Metric] = &[
    (
        TRACE_EXPORTS,
        "Batches of spans given to the collector, by result: delivered or failed; absent without `OTEL_EXPORTER_OTLP_ENDPOINT`.",
        &[],
    ),
    (LOG_LINES_DROPPED, "Log lines dropped because standard error was not read fast enough.", &[]),
    (BUILD_INFO, "1, with the version that runs.", &[]),
];

/// How often [`MetricsHandle::run_upkeep`] is to be called, so that histograms which nobody scrapes
/// do not grow.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Which metrics there are.
#[derive(Clone, Debug)]
pub struct MetricsConfig {
    /// What precedes each name, without the underscore between: `shop` exports
    /// `http_requests_total` as `shop_http_requests_total`.
    pub prefix: &'static str,
    /// Every metric that is described or has buckets: [`METRICS`] and those of other crates.
    pub metrics: Vec<Metric>,
}

/// Renders what was recorded.
#[derive(Clone)]
pub struct MetricsHandle(PrometheusHandle);

static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();

impl MetricsHandle {
    /// The handle of this process; `None` where [`init`](crate::init) was called without
    /// [`MetricsConfig`], or not yet.
    pub fn installed() -> Option<Self> {
        INSTALLED.get().cloned().map(Self)
    }

    pub(crate) fn install(config: &MetricsConfig, version: &'static str) -> Result<(), Error> {
        let mut builder = PrometheusBuilder::new();
        for (name, _, buckets) in config.metrics.iter().filter(|(.., buckets)| !buckets.is_empty()) {
            let name = Matcher::Full(format!("{}_{name}", config.prefix));
            builder = builder.set_buckets_for_metric(name, buckets)?;
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // The layer puts a dot after the prefix, which the exporter turns into an underscore.
        let prefixed = PrefixLayer::new(config.prefix).layer(recorder);
        metrics::set_global_recorder(prefixed).map_err(|_| Error::Recorder)?;
        for &(name, help, buckets) in &config.metrics {
            if !buckets.is_empty() {
                metrics::describe_histogram!(name, help);
            } else if name.ends_with("_total") {
                metrics::describe_counter!(name, help);
            } else {
                metrics::describe_gauge!(name, help);
            }
        }
        metrics::gauge!(BUILD_INFO, "version" => version).set(1.0);
        // Exported as 0 until a line is dropped.
        metrics::counter!(LOG_LINES_DROPPED).increment(0);
        INSTALLED.get_or_init(|| handle);
        Ok(())
    }

    /// All metrics in Prometheus's text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Moves recorded values into their buckets, as a scrape does.
    pub fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}
