//! Metrics of requests.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use groundwork_telemetry::MetricsHandle;
use metrics::{Counter, Gauge, Histogram};
use poem::http::Method;

use crate::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS};

/// The route label of requests to no operation: pages, the document and unknown paths.
const UNMATCHED: &str = "other";

/// The labels of a response. Their number is bounded, because clients choose none of them freely.
#[derive(PartialEq, Eq, Hash)]
struct Labels {
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

struct Handles {
    count: Counter,
    duration: Histogram,
}

/// Records the number, duration and status of requests.
pub(super) struct RequestMetrics {
    /// Without a recorder, looking up the handles would be wasted work.
    is_enabled: bool,
    in_flight: Gauge,
    unmatched: Arc<str>,
    by_labels: RwLock<HashMap<Labels, Handles>>,
}

impl RequestMetrics {
    pub(super) fn new() -> Self {
        let in_flight = metrics::gauge!(HTTP_IN_FLIGHT);
        in_flight.set(0.0);
        Self {
            is_enabled: MetricsHandle::installed().is_some(),
            in_flight,
            unmatched: Arc::from(UNMATCHED),
            by_labels: RwLock::default(),
        }
    }

    /// Counts a request in flight.
    pub(super) fn begin(&self) {
        self.in_flight.increment(1.0);
    }

    /// Records a finished request. `route` is the path template of its operation.
    pub(super) fn end(&self, route: Option<&Arc<str>>, method: &'static str, status: u16, took: Duration) {
        if !self.is_enabled {
            return;
        }
        self.in_flight.decrement(1.0);
        let route = Arc::clone(route.unwrap_or(&self.unmatched));
        let labels = Labels { route, method, status };
        let known = self.by_labels.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handles) = known.get(&labels) {
            handles.record(took);
            return;
        }
        drop(known);
        let handles = Handles::new(&labels);
        handles.record(took);
        self.by_labels.write().unwrap_or_else(PoisonError::into_inner).insert(labels, handles);
    }
}

impl Handles {
    fn new(labels: &Labels) -> Self {
        let (route, method) = (labels.route.to_string(), labels.method);
        let (status, class) = (labels.status.to_string(), format!("{}xx", labels.status / 100));
        Self {
            count: metrics::counter!(HTTP_REQUESTS, "route" => route.clone(), "method" => method, "status" => status),
            duration: metrics::histogram!(HTTP_DURATION, "route" => route, "method" => method, "class" => class),
        }
    }

    fn record(&self, took: Duration) {
        self.count.increment(1);
        self.duration.record(took);
    }
}

/// The method as a label: one of HTTP's (RFC 9110, 9.3; RFC 5789) or `other`, because clients can
/// send any token as a method.
pub(super) fn method_label(method: &Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
        .into_iter()
        .find(|known| method.as_str() == *known)
        .unwrap_or("other")
}
