//! Names of the metrics that a server with [`Config::has_metrics`](crate::Config::has_metrics)
//! records through the `metrics` facade. A recorder may put a prefix before them.

/// Gauge: open connections.
pub const CONNECTIONS_OPEN: &str = "connections_open";

/// Counter: connections closed at once because their network had as many as it may have.
pub const CONNECTIONS_REFUSED: &str = "connections_refused_total";

/// Counter: idle connections closed to make room for others.
pub const CONNECTIONS_EVICTED: &str = "connections_evicted_total";
