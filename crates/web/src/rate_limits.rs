//! Rate limits of operations, and the headers that report them.

use std::sync::OnceLock;

use groundwork_openapi::policy::Limit;
use groundwork_state::rate_limit::{Quota, RateLimitDecision, RateLimitKey, RateLimiter};
use poem::Request;
use poem::http::{HeaderMap, HeaderName};

use super::error::ApiError;
use super::known_api_keys::{KnownApiKeys, PresentedApiKey};
use super::request::RequestScope;
use super::routes::Operation;

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The rate limits of operations, per client and operation. A client is an API key, or else an
/// address.
pub struct RateLimits {
    /// Counts the requests.
    pub limiter: RateLimiter,
    /// The quota of an operation with [`Limit::General`].
    pub general: Quota,
    /// The quota of an operation with [`Limit::Credentials`].
    pub credentials: Quota,
    /// The API keys that count as clients.
    pub api_keys: KnownApiKeys,
}

impl RateLimits {
    /// Counts a request of this client, and records the decision in its scope.
    ///
    /// # Errors
    /// 429 beyond the limit.
    pub(crate) async fn check(
        &self,
        operation: &Operation,
        scope: &RequestScope,
        request: &Request,
    ) -> Result<(), ApiError> {
        let (quota, api_key) = match operation.policy.limit {
            Limit::General => (&self.general, self.api_keys.find(request)),
            Limit::Credentials => (&self.credentials, None),
            Limit::Unlimited => return Ok(()),
        };
        let ip = scope.context().ip;
        let key = match api_key {
            Some(PresentedApiKey { hash, is_known: true }) => {
                RateLimitKey::for_subject(&hash, Some(ip), &operation.template)
            }
            Some(PresentedApiKey { hash, is_known: false }) => {
                scope.unknown_api_key.get_or_init(|| hash);
                RateLimitKey::for_client(ip, &self.api_keys.unknown)
            }
            None => RateLimitKey::for_client(ip, &operation.template),
        };
        decided(quota.check(&self.limiter, key).await, &scope.rate_limit)
    }

    /// Counts the request for its API key, which is valid, if [`check`](Self::check) counted it for
    /// its address. The next request with the key counts for the key alone.
    ///
    /// # Errors
    /// 429 beyond the limit of the key.
    pub(crate) async fn count_api_key(
        &self,
        operation: &Operation,
        scope: &RequestScope,
    ) -> Result<(), ApiError> {
        let Some(hash) = scope.unknown_api_key.get() else { return Ok(()) };
        self.api_keys.remember(*hash);
        let key = RateLimitKey::for_subject(hash, Some(scope.context().ip), &operation.template);
        decided(self.general.check(&self.limiter, key).await, &scope.api_key_rate_limit)
    }
}

fn decided(decision: RateLimitDecision, recorded: &OnceLock<RateLimitDecision>) -> Result<(), ApiError> {
    recorded.get_or_init(|| decision);
    if decision.allowed { Ok(()) } else { Err(ApiError::rate_limited(&decision)) }
}

/// Sets the `RateLimit-…` headers (draft-ietf-httpapi-ratelimit-headers-03, section 3).
pub(super) fn set_headers(decision: &RateLimitDecision, headers: &mut HeaderMap) {
    headers.insert(RATELIMIT_LIMIT, decision.limit.into());
    headers.insert(RATELIMIT_REMAINING, decision.remaining.into());
    headers.insert(RATELIMIT_RESET, decision.reset.into());
}
