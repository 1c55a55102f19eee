#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod compression;
pub mod conditions;
pub mod error;
pub mod extract;
pub mod failure;
pub mod hyper_service;
pub mod idempotency;
pub mod load_shedder;
pub mod metrics_server;
pub mod middleware;
pub mod page;
mod pending_bodies;
pub mod rate_limits;
pub mod request;
pub mod responses;
pub mod routes;
#[macro_use]
pub mod schema;
pub mod security;
pub mod validation;

const HTTP_REQUESTS: &str = "http_requests_total";
const HTTP_DURATION: &str = "http_request_duration_seconds";
const HTTP_IN_FLIGHT: &str = "http_requests_in_flight";
const HTTP_SHED: &str = "http_requests_shed_total";

/// The name, the help text and the bucket bounds of each metric; names have no prefix.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    (
        HTTP_REQUESTS,
        "Requests answered, by route template, method and status; 499 is a client that left before its answer.",
        &[],
    ),
    (
        HTTP_DURATION,
        "Seconds from a request's headers to its response, by route template, method and class of status.",
        // Up to the default of REQUEST_TIMEOUT.
        &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0],
    ),
    (HTTP_IN_FLIGHT, "Requests under way.", &[]),
    (
        HTTP_SHED,
        "Requests refused because `MAX_REQUESTS` were under way, or because the bodies of as many more were waited for.",
        &[],
    ),
];
