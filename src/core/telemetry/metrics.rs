//! Metrics: what there are, and how they are recorded. The table below is their one home; the dashboard and the alerts in
//! `deploy/` are held against it by a test.
//!
//! Labels have few values, all known in advance: the template of a route and never its path, a name and never what a
//! client sent.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Label};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds for what a client waits for, in seconds: up to `REQUEST_TIMEOUT` as it is by default.
const REQUEST_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// Upper bounds for the wait for a connection, in seconds: up to `DB_POOL_TIMEOUT` as it is by default.
const WAIT_BUCKETS: &[f64] = &[0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

/// Upper bounds for a password hash, in seconds: 0.2 at the usual cost, more in a queue.
const HASH_BUCKETS: &[f64] = &[0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 15.0];

/// How often histograms are brought up to date when nobody asks for them: they would grow.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// A metric as Prometheus knows it.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
    Histogram(&'static [f64]),
}

macro_rules! table {
    ($( $(#[doc = $help:literal])+ $constant:ident = $name:literal, $kind:expr; )+) => {
        $( $(#[doc = $help])+ pub const $constant: &str = $name; )+

        /// Every metric.
        pub const TABLE: &[Metric] =
            &[$( Metric { name: $name, help: concat!($($help),+).trim_ascii(), kind: $kind } ),+];
    };
}

table! {
    /// Requests answered, by route template, method and status; 499 is a client that left before its answer.
    HTTP_REQUESTS = "groundwork_http_requests_total", Kind::Counter;
    /// Seconds from a request's headers to its response, by route template, method and class of status.
    HTTP_DURATION = "groundwork_http_request_duration_seconds", Kind::Histogram(REQUEST_BUCKETS);
    /// Requests under way.
    HTTP_IN_FLIGHT = "groundwork_http_requests_in_flight", Kind::Gauge;
    /// Requests refused because `MAX_REQUESTS` were under way, or because the bodies of as many more were waited for.
    HTTP_SHED = "groundwork_http_requests_shed_total", Kind::Counter;
    /// Connections of clients that are open.
    CONNECTIONS_OPEN = "groundwork_connections_open", Kind::Gauge;
    /// Connections closed at once because their address, or their IPv6 /64, had `MAX_CONNECTIONS_PER_IP`.
    CONNECTIONS_REFUSED = "groundwork_connections_refused_total", Kind::Counter;
    /// Idle connections closed to make room for others because `MAX_CONNECTIONS` were open.
    CONNECTIONS_EVICTED = "groundwork_connections_evicted_total", Kind::Counter;
    /// Connections to the database, by pool and by state: used or idle.
    DB_CONNECTIONS = "groundwork_db_connections", Kind::Gauge;
    /// Connections to the database that a pool may have.
    DB_CONNECTIONS_MAX = "groundwork_db_connections_max", Kind::Gauge;
    /// Seconds that a request waited for a connection to the database, by pool; not of those that shared one.
    DB_WAIT = "groundwork_db_wait_seconds", Kind::Histogram(WAIT_BUCKETS);
    /// Waits that ended without a connection because `DB_POOL_TIMEOUT` had passed, by pool.
    DB_TIMEOUTS = "groundwork_db_timeouts_total", Kind::Counter;
    /// Replicas, by state: used, unchecked or `left_out`.
    DB_REPLICAS = "groundwork_db_replicas", Kind::Gauge;
    /// Passwords that wait to be hashed.
    HASHES_WAITING = "groundwork_password_hashes_waiting", Kind::Gauge;
    /// Seconds of a password hash, by phase: its wait in the queue, and its work.
    HASH_SECONDS = "groundwork_password_hash_seconds", Kind::Histogram(HASH_BUCKETS);
    /// Passwords that were not hashed because `BCRYPT_QUEUE_SIZE` others waited.
    HASHES_REFUSED = "groundwork_password_hashes_refused_total", Kind::Counter;
    /// Decisions of the rate limits, by limit (general, credentials, account, `client_of_account`, confirmation) and by decision (allowed, refused).
    RATE_LIMIT_DECISIONS = "groundwork_rate_limit_decisions_total", Kind::Counter;
    /// Look-ups in the cache, by result: hit, miss, shared with another look-up, or error.
    CACHE_REQUESTS = "groundwork_cache_requests_total", Kind::Counter;
    /// Whether Redis answers; absent without `REDIS_URL`.
    REDIS_UP = "groundwork_redis_up", Kind::Gauge;
    /// Sessions ended before their time, by reason: logout, replay, `password_changed` or deactivated.
    SESSIONS_REVOKED = "groundwork_sessions_revoked_total", Kind::Counter;
    /// Batches of spans given to the collector, by result: delivered or failed; absent without `OTEL_EXPORTER_OTLP_ENDPOINT`.
    TRACE_EXPORTS = "groundwork_trace_exports_total", Kind::Counter;
    /// 1, with the version that runs.
    BUILD_INFO = "groundwork_build_info", Kind::Gauge;
}

/// A metric with its labels, looked up once: recording through it costs an atomic operation, or nothing when nothing is
/// measured.
#[derive(Clone)]
pub struct Meter<T>(T);

impl<T> Deref for Meter<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Meter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}

type Labels<'a> = &'a [(&'static str, &'static str)];

fn labels(labels: Labels<'_>) -> Vec<Label> {
    labels.iter().map(|(name, value)| Label::from_static_parts(name, value)).collect()
}

/// A counter of the table, which shows from now on.
pub fn counter(name: &'static str, with: Labels<'_>) -> Meter<Counter> {
    Meter(metrics::counter!(name, labels(with)))
}

/// A gauge of the table.
pub fn gauge(name: &'static str, with: Labels<'_>) -> Meter<Gauge> {
    Meter(metrics::gauge!(name, labels(with)))
}

/// A histogram of the table.
pub fn histogram(name: &'static str, with: Labels<'_>) -> Meter<Histogram> {
    Meter(metrics::histogram!(name, labels(with)))
}

/// A number as a gauge shows it. What is counted here is far below where this would round.
#[allow(clippy::cast_precision_loss, reason = "counts of things in this process")]
pub fn number(count: usize) -> f64 {
    count as f64
}

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A name or a bound in the table is wrong.
    #[error("the table of metrics cannot be used")]
    Table(#[from] BuildError),
    /// Something else in this process measures already.
    #[error("metrics are recorded elsewhere in this process")]
    Taken,
}

/// What was measured, as text for Prometheus.
#[derive(Clone)]
pub struct Recorded(PrometheusHandle);

static RECORDED: OnceLock<PrometheusHandle> = OnceLock::new();

/// Whether anything is measured, once and for all: it begins before anything is made that counts.
pub fn is_recording() -> bool {
    RECORDED.get().is_some()
}

impl Recorded {
    /// Begins to measure, for the whole process. A handle that was made before stays without effect.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn begin() -> Result<Self, MetricsError> {
        if let Some(handle) = RECORDED.get() {
            return Ok(Self(handle.clone()));
        }
        let mut builder = PrometheusBuilder::new();
        for metric in TABLE {
            if let Kind::Histogram(bounds) = metric.kind {
                builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)?;
            }
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(super::prefix::Prefixed(recorder)).map_err(|_| MetricsError::Taken)?;
        for Metric { name, help, kind } in TABLE.iter().copied() {
            match kind {
                Kind::Counter => metrics::describe_counter!(name, help),
                Kind::Gauge => metrics::describe_gauge!(name, help),
                Kind::Histogram(_) => metrics::describe_histogram!(name, help),
            }
        }
        gauge(BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        Ok(Self(RECORDED.get_or_init(|| handle).clone()))
    }

    /// The text of all metrics at this moment.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Brings histograms up to date.
    pub fn keep_up(&self) {
        self.0.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_described_once_under_a_name_of_its_kind() {
        for (index, metric) in TABLE.iter().enumerate() {
            let name = metric.name;
            assert!(name.starts_with("groundwork_") && metric.help.ends_with('.'), "{metric:?}");
            assert_eq!(name.ends_with("_total"), matches!(metric.kind, Kind::Counter), "{name}");
            assert!(TABLE[..index].iter().all(|earlier| earlier.name != name), "{name} is there twice");
            if let Kind::Histogram(bounds) = metric.kind {
                assert!(name.ends_with("_seconds") && bounds.is_sorted(), "{name}");
            }
        }
    }
}
