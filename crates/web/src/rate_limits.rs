//! Rate limits of operations, and the headers that report them.

use std::sync::OnceLock;

use groundwork_openapi::policy::Limit;
use groundwork_state::rate_limit::{
    ApiKeyHash, PresentedApiKey, Quota, RateLimitDecision, RateLimitKey, RateLimiter,
};
use poem::Request;
use poem::http::{HeaderMap, HeaderName};

use super::error::ApiError;
use super::request::RequestScope;
use super::routes::Operation;
use super::security::bearer_token;

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The rate limits of operations, per client and operation. A client is an address, or an API key if
/// the limiter counts them.
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
    pub(crate) async fn check(
        &self,
        operation: &Operation,
        scope: &RequestScope,
        request: &Request,
    ) -> Result<(), ApiError> {
        let (quota, key) = match operation.policy.limit {
            Limit::General => (&self.general, self.key_of(operation, scope, request)),
            Limit::Credentials => (&self.credentials, by_address(operation, scope)),
            Limit::Unlimited => return Ok(()),
        };
        decided(quota.check(&self.limiter, key).await, &scope.rate_limit)
    }

    fn key_of(&self, operation: &Operation, scope: &RequestScope, request: &Request) -> RateLimitKey {
        let token = self.limiter.api_keys().zip(bearer_token(request).ok());
        match token.and_then(|(keys, token)| Some((keys, keys.find(token)?))) {
            Some((_, PresentedApiKey { hash, is_known: true })) => by_api_key(&hash, operation, scope),
            Some((keys, PresentedApiKey { hash, is_known: false })) => {
                scope.unknown_api_key.get_or_init(|| hash);
                RateLimitKey::for_client(scope.context().ip, keys.unknown_scope())
            }
            None => by_address(operation, scope),
        }
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
        let Some((keys, hash)) = self.limiter.api_keys().zip(scope.unknown_api_key.get()) else {
            return Ok(());
        };
        keys.remember(*hash);
        let key = by_api_key(hash, operation, scope);
        decided(self.general.check(&self.limiter, key).await, &scope.api_key_rate_limit)
    }
}

fn by_address(operation: &Operation, scope: &RequestScope) -> RateLimitKey {
    RateLimitKey::for_client(scope.context().ip, &operation.template)
}

fn by_api_key(hash: &ApiKeyHash, operation: &Operation, scope: &RequestScope) -> RateLimitKey {
    RateLimitKey::for_subject(hash, Some(scope.context().ip), &operation.template)
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
