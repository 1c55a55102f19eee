//! Rate limits: an exact window of 60 seconds that slides with the clock. Instances that share a
//! Redis count together; without one, and while it is unavailable, each counts for itself.

mod api_keys;
mod key;
mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use groundwork_clock::Clock;
use metrics::Counter;

use crate::redis::Redis;
pub use api_keys::{ApiKeyHash, KnownApiKeys, PresentedApiKey};
pub use key::{RateLimitKey, client_network, is_one_client};
use memory::MemoryWindows;

/// The length of the window.
pub const WINDOW: Duration = Duration::from_mins(1);

#[allow(clippy::cast_possible_truncation, reason = "a minute")]
const WINDOW_MICROS: i64 = WINDOW.as_micros() as i64;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// The decision on one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitDecision {
    /// Whether the request may proceed. A refused request is not counted.
    pub allowed: bool,
    /// The number of requests that fit into a window.
    pub limit: u32,
    /// The number of further requests that would be allowed now.
    pub remaining: u32,
    /// Seconds, rounded up, until the oldest request leaves the window and another one fits in.
    pub reset: u32,
}

impl RateLimitDecision {
    /// With `counted` requests in the window before this one.
    fn new(allowed: bool, limit: u32, counted: u32, reset_micros: i64) -> Self {
        let remaining = limit.saturating_sub(counted + u32::from(allowed));
        let reset = reset_micros.saturating_add(MICROS_PER_SECOND - 1).div_euclid(MICROS_PER_SECOND);
        Self { allowed, limit, remaining, reset: u32::try_from(reset).unwrap_or_default() }
    }
}

/// Counts requests; clones count together.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    redis: Option<Redis>,
    memory: Arc<MemoryWindows>,
    clock: Clock,
    api_keys: Option<KnownApiKeys>,
}

impl RateLimiter {
    /// A limiter that counts in `redis`, or in process without one.
    pub fn new(redis: Option<Redis>, clock: Clock) -> Self {
        Self { redis, memory: Arc::default(), clock, api_keys: None }
    }

    /// Counts API keys as clients of their own. `hash_of` returns the hash of a well-formed key, and
    /// `None` for another text.
    #[must_use]
    pub fn with_api_keys(self, hash_of: fn(&str) -> Option<ApiKeyHash>) -> Self {
        Self { api_keys: Some(KnownApiKeys::new(hash_of)), ..self }
    }

    /// The API keys that count as clients, if any do.
    pub fn api_keys(&self) -> Option<&KnownApiKeys> {
        self.api_keys.as_ref()
    }

    /// Allows and counts a request if fewer than `limit` were counted in the last 60 seconds. Of
    /// concurrent requests, exactly as many are allowed as fit.
    pub async fn check(&self, key: RateLimitKey, limit: u32) -> RateLimitDecision {
        if let Some(redis) = &self.redis
            && let Ok(decision) = redis::check(redis, &key, limit, self.clock.offset_micros()).await
        {
            return decision;
        }
        self.memory.check(key, limit, &self.clock)
    }
}

/// A named limit, whose decisions are counted in a metric by its name.
#[derive(Clone, Debug)]
pub struct Quota {
    per_window: u32,
    allowed: Counter,
    refused: Counter,
}

impl Quota {
    /// A limit of `per_window` requests per [`WINDOW`].
    pub fn new(name: &'static str, per_window: u32) -> Self {
        let counter = |decision: &'static str| metrics::counter!("rate_limit_decisions_total", "limit" => name, "decision" => decision);
        Self { per_window, allowed: counter("allowed"), refused: counter("refused") }
    }

    /// Decides on a request under this limit.
    pub async fn check(&self, limiter: &RateLimiter, key: RateLimitKey) -> RateLimitDecision {
        let decision = limiter.check(key, self.per_window).await;
        if decision.allowed { &self.allowed } else { &self.refused }.increment(1);
        decision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        let seconds = |micros| RateLimitDecision::new(true, 1, 0, micros).reset;
        assert_eq!([0, 1, MICROS_PER_SECOND, MICROS_PER_SECOND + 1].map(seconds), [0, 1, 1, 2]);
    }
}
