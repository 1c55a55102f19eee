//! Rate limits of operations, and the headers that report them.

use groundwork_openapi::policy::Limit;
use groundwork_state::rate_limit::{Quota, RateLimitDecision, RateLimitKey, RateLimiter};
use poem::http::{HeaderMap, HeaderName};

use super::error::ApiError;
use super::request::RequestScope;
use super::routes::Operation;

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The rate limits of operations, per client and operation.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// Counts the requests.
    pub limiter: RateLimiter,
    /// The quota of an operation with [`Limit::General`].
    pub general: Quota,
    /// The quota of an operation with [`Limit::Credentials`].
    pub credentials: Quota,
}

impl RateLimits {
    /// Counts a request of this client, and records the decision in its scope.
    ///
    /// # Errors
    /// 429 beyond the limit.
    pub(crate) async fn check(&self, operation: &Operation, scope: &RequestScope) -> Result<(), ApiError> {
        let quota = match operation.policy.limit {
            Limit::General => &self.general,
            Limit::Credentials => &self.credentials,
            Limit::Unlimited => return Ok(()),
        };
        let key = RateLimitKey::for_client(scope.context().ip, &operation.template);
        let decision = quota.check(&self.limiter, key).await;
        scope.rate_limit.get_or_init(|| decision);
        if decision.allowed { Ok(()) } else { Err(ApiError::rate_limited(&decision)) }
    }
}

/// Sets the `RateLimit-…` headers (draft-ietf-httpapi-ratelimit-headers-03, section 3).
pub(super) fn set_headers(decision: &RateLimitDecision, headers: &mut HeaderMap) {
    headers.insert(RATELIMIT_LIMIT, decision.limit.into());
    headers.insert(RATELIMIT_REMAINING, decision.remaining.into());
    headers.insert(RATELIMIT_RESET, decision.reset.into());
}
