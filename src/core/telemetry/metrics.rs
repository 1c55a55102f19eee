//! The metrics of this service. The tables of the crates and the one below are their one home; the
//! dashboard and the alerts in `deploy/` are held against them by a test.
//!
//! Labels have few values, all known in advance: the template of a route and never its path, a name
//! and never what a client sent.

use groundwork_telemetry::Metric;
use metrics::{Counter, Gauge, Histogram, Label};

/// Upper bounds for what a client waits for, in seconds: up to `REQUEST_TIMEOUT` as it is by
/// default.
const REQUEST_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// Upper bounds for the wait for a connection, in seconds: up to `DB_POOL_TIMEOUT` as it is by
/// default.
const WAIT_BUCKETS: &[f64] = &[0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

macro_rules! table {
    ($( $(#[doc = $help:literal])+ $constant:ident = $name:literal, $buckets:expr; )+) => {
        $( $(#[doc = $help])+ pub const $constant: &str = $name; )+

        /// The metrics that this crate records, without the prefix `groundwork_`.
        pub const METRICS: &[Metric] = &[$( ($name, concat!($($help),+).trim_ascii(), $buckets) ),+];
    };
}

table! {
    /// Requests answered, by route template, method and status; 499 is a client that left before
    /// its answer.
    HTTP_REQUESTS = "http_requests_total", &[];
    /// Seconds from a request's headers to its response, by route template, method and class of
    /// status.
    HTTP_DURATION = "http_request_duration_seconds", REQUEST_BUCKETS;
    /// Requests under way.
    HTTP_IN_FLIGHT = "http_requests_in_flight", &[];
    /// Requests refused because `MAX_REQUESTS` were under way, or because the bodies of as many
    /// more were waited for.
    HTTP_SHED = "http_requests_shed_total", &[];
    /// Connections of clients that are open.
    CONNECTIONS_OPEN = "connections_open", &[];
    /// Connections closed at once because their address, or their IPv6 /64, had
    /// `MAX_CONNECTIONS_PER_IP`.
    CONNECTIONS_REFUSED = "connections_refused_total", &[];
    /// Idle connections closed to make room for others because `MAX_CONNECTIONS` were open.
    CONNECTIONS_EVICTED = "connections_evicted_total", &[];
    /// Connections to the database, by pool and by state: used or idle.
    DB_CONNECTIONS = "db_connections", &[];
    /// Connections to the database that a pool may have.
    DB_CONNECTIONS_MAX = "db_connections_max", &[];
    /// Seconds that a request waited for a connection to the database, by pool; not of those that
    /// shared one.
    DB_WAIT = "db_wait_seconds", WAIT_BUCKETS;
    /// Waits that ended without a connection because `DB_POOL_TIMEOUT` had passed, by pool.
    DB_TIMEOUTS = "db_timeouts_total", &[];
    /// Replicas, by state: used, unchecked or `left_out`.
    DB_REPLICAS = "db_replicas", &[];
    /// Decisions of the rate limits, by limit (general, credentials, account, `client_of_account`,
    /// confirmation) and by decision (allowed, refused).
    RATE_LIMIT_DECISIONS = "rate_limit_decisions_total", &[];
    /// Look-ups in the cache, by result: hit, miss, shared with another look-up, or error.
    CACHE_REQUESTS = "cache_requests_total", &[];
    /// Whether Redis answers; absent without `REDIS_URL`.
    REDIS_UP = "redis_up", &[];
    /// Sessions ended before their time, by reason: logout, replay, `password_changed` or
    /// deactivated.
    SESSIONS_REVOKED = "sessions_revoked_total", &[];
}

/// Every metric that is exported.
pub fn all() -> Vec<Metric> {
    [METRICS, groundwork_auth::METRICS, groundwork_telemetry::METRICS].concat()
}

/// A metric with its labels, looked up once: recording through it costs an atomic operation, or
/// nothing when nothing is measured.
pub type Meter<T> = T;

type Labels<'a> = &'a [(&'static str, &'static str)];

fn labels(labels: Labels<'_>) -> Vec<Label> {
    labels.iter().map(|(name, value)| Label::from_static_parts(name, value)).collect()
}

/// A counter of the table, which shows from now on.
pub fn counter(name: &'static str, with: Labels<'_>) -> Meter<Counter> {
    metrics::counter!(name, labels(with))
}

/// A gauge of the table.
pub fn gauge(name: &'static str, with: Labels<'_>) -> Meter<Gauge> {
    metrics::gauge!(name, labels(with))
}

/// A histogram of the table.
pub fn histogram(name: &'static str, with: Labels<'_>) -> Meter<Histogram> {
    metrics::histogram!(name, labels(with))
}

/// A number as a gauge shows it. What is counted here is far below where this would round.
#[allow(clippy::cast_precision_loss, reason = "counts of things in this process")]
pub fn number(count: usize) -> f64 {
    count as f64
}

/// Whether anything is measured.
pub fn is_recording() -> bool {
    groundwork_telemetry::MetricsHandle::installed().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_described_once_under_a_name_of_its_kind() {
        let all = all();
        for (index, (name, help, buckets)) in all.iter().enumerate() {
            assert!(!name.starts_with("groundwork") && help.ends_with('.'), "{name}");
            assert!(all[..index].iter().all(|(earlier, ..)| earlier != name), "{name} is there twice");
            assert_eq!(name.ends_with("_seconds"), !buckets.is_empty(), "{name}");
            assert!(buckets.is_sorted(), "{name}");
        }
    }
}
