//! Rate limits of operations: which one applies, and how an answer tells of it.

use std::net::IpAddr;

use poem::http::{HeaderMap, HeaderName};

use super::policy::Limit;
use super::routes::Operation;
use crate::core::rate_limit::{Key, RateLimiter, Verdict};

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The limits in force.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Counts.
    pub limiter: RateLimiter,
    /// Requests in a window to an operation of [`Limit::General`].
    pub general: u32,
    /// Requests in a window to an operation of [`Limit::Credentials`].
    pub credentials: u32,
}

impl Limits {
    /// Counts a request of this client; `None` for an operation without a limit.
    pub async fn check(&self, operation: &Operation, client: IpAddr) -> Option<Verdict> {
        let limit = match operation.policy.limit {
            Limit::General => self.general,
            Limit::Credentials => self.credentials,
            Limit::Unlimited => return None,
        };
        Some(self.limiter.check(Key::new(client, &operation.template), limit).await)
    }
}

/// The headers that tell a client where it stands (draft-ietf-httpapi-ratelimit-headers-03, section 3).
pub fn announce(verdict: &Verdict, headers: &mut HeaderMap) {
    headers.insert(RATELIMIT_LIMIT, verdict.limit.into());
    headers.insert(RATELIMIT_REMAINING, verdict.remaining.into());
    headers.insert(RATELIMIT_RESET, verdict.reset.into());
}
