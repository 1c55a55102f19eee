#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod cache;
pub mod rate_limit;
pub mod redis;
pub mod url;

/// The name, the help text and the bucket bounds of each metric; names have no prefix.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    (
        "rate_limit_decisions_total",
        "Decisions of the rate limits, by limit (general, credentials, account, `client_of_account`, confirmation) and by decision (allowed, refused).",
        &[],
    ),
    (
        "cache_requests_total",
        "Look-ups in the cache, by result: hit, miss, shared with another look-up, or error.",
        &[],
    ),
    ("redis_up", "Whether Redis answers; absent without `REDIS_URL`.", &[]),
];
