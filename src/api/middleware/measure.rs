//! Requests as metrics count them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use poem::http::Method;

use crate::core::telemetry::metrics::{
    HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS, Meter, gauge, is_recording,
};

/// The route of what is no operation: pages, the document, and whatever is nowhere.
const ELSEWHERE: &str = "other";

/// What answers are counted by. A client chooses none of it freely, so there are few.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

type Handles = (Counter, Histogram);

/// Counts requests.
pub(super) struct Measure {
    /// Looking up what nobody records would cost more than recording it.
    is_on: bool,
    in_flight: Meter<Gauge>,
    elsewhere: Arc<str>,
    by_kind: RwLock<HashMap<Kind, Handles>>,
}

impl Measure {
    pub(super) fn new() -> Self {
        let in_flight = gauge(HTTP_IN_FLIGHT, &[]);
        in_flight.set(0.0);
        Self { is_on: is_recording(), in_flight, elsewhere: Arc::from(ELSEWHERE), by_kind: RwLock::default() }
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        self.in_flight.increment(1.0);
    }

    /// It has ended. `route` is the template of its operation.
    pub(super) fn end(&self, route: Option<&Arc<str>>, method: &'static str, status: u16, took: Duration) {
        if !self.is_on {
            return;
        }
        self.in_flight.decrement(1.0);
        let route = Arc::clone(route.unwrap_or(&self.elsewhere));
        let kind = Kind { route, method, status };
        let known = self.by_kind.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, duration)) = known.get(&kind) {
            count.increment(1);
            duration.record(took);
            return;
        }
        drop(known);
        let (count, duration) = handles(&kind);
        count.increment(1);
        duration.record(took);
        self.by_kind.write().unwrap_or_else(PoisonError::into_inner).insert(kind, (count, duration));
    }
}

fn handles(kind: &Kind) -> Handles {
    let (route, method) = (kind.route.to_string(), kind.method);
    let class = format!("{}xx", kind.status / 100);
    (
        metrics::counter!(HTTP_REQUESTS, "route" => route.clone(), "method" => method, "status" => kind.status.to_string()),
        metrics::histogram!(HTTP_DURATION, "route" => route, "method" => method, "class" => class),
    )
}

/// The method if it is one of HTTP (RFC 9110, 9.3; RFC 5789): a client may make up others, of any length.
pub(super) fn usual(method: &Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
        .into_iter()
        .find(|usual| method.as_str() == *usual)
        .unwrap_or("other")
}
