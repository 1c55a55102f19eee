//! What a client records.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

use crate::client::Response;
use crate::error::CallError;

/// Bounds of the histogram in seconds.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The metrics of clients: name, help text, and the bounds of a histogram.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    (
        "http_client_calls_total",
        "Calls to other services, by target and outcome: the class of the status, or why there is no response.",
        &[],
    ),
    ("http_client_call_seconds", "Seconds per call with all its attempts, by target.", SECONDS),
    ("http_client_retries_total", "Repeated attempts, by target.", &[]),
    ("http_client_retries_withheld_total", "Repeats that the retry budget did not allow, by target.", &[]),
    (
        "http_client_open_circuits",
        "Hosts that are not called because they failed repeatedly, by target.",
        &[],
    ),
];

const OUTCOMES: [&str; 11] = [
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "address_refused",
    "circuit_open",
    "unreachable",
    "timeout",
    "too_large",
    "interrupted",
];

#[derive(Debug)]
pub(crate) struct CallMetrics {
    /// In the order of [`OUTCOMES`].
    outcomes: [Counter; OUTCOMES.len()],
    seconds: Histogram,
    pub(crate) retries: Counter,
    pub(crate) withheld: Counter,
    pub(crate) open_circuits: Gauge,
}

impl CallMetrics {
    pub(crate) fn new(target: &'static str) -> Self {
        Self {
            outcomes: OUTCOMES.map(
                |outcome| metrics::counter!("http_client_calls_total", "target" => target, "outcome" => outcome),
            ),
            seconds: metrics::histogram!("http_client_call_seconds", "target" => target),
            retries: metrics::counter!("http_client_retries_total", "target" => target),
            withheld: metrics::counter!("http_client_retries_withheld_total", "target" => target),
            open_circuits: metrics::gauge!("http_client_open_circuits", "target" => target),
        }
    }

    pub(crate) fn record(&self, duration: Duration, result: &Result<Response, CallError>) {
        self.seconds.record(duration);
        let outcome = outcome(result);
        for (name, counter) in OUTCOMES.iter().zip(&self.outcomes) {
            if *name == outcome {
                counter.increment(1);
            }
        }
    }
}

/// One of [`OUTCOMES`].
pub(crate) fn outcome(result: &Result<Response, CallError>) -> &'static str {
    match result {
        Ok(response) => match response.status.as_u16() {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        },
        Err(CallError::Url | CallError::Connect(_)) => "unreachable",
        Err(CallError::AddressRefused) => "address_refused",
        Err(CallError::CircuitOpen) => "circuit_open",
        Err(CallError::Timeout(_)) => "timeout",
        Err(CallError::BodyTooLarge) => "too_large",
        Err(CallError::Interrupted(_)) => "interrupted",
    }
}
