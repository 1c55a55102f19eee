//! The metrics that a server with [`Config::has_metrics`](crate::Config::has_metrics) records.

pub(crate) const CONNECTIONS_OPEN: &str = "connections_open";
pub(crate) const CONNECTIONS_REFUSED: &str = "connections_refused_total";
pub(crate) const CONNECTIONS_EVICTED: &str = "connections_evicted_total";

/// The name, the help text and the bucket bounds of each metric; names have no prefix.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    (CONNECTIONS_OPEN, "Connections of clients that are open.", &[]),
    (
        CONNECTIONS_REFUSED,
        "Connections closed at once because their address, or their IPv6 /64, had `MAX_CONNECTIONS_PER_IP`.",
        &[],
    ),
    (
        CONNECTIONS_EVICTED,
        "Idle connections closed to make room for others because `MAX_CONNECTIONS` were open.",
        &[],
    ),
];
