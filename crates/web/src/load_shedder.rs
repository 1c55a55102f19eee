//! Admission of requests: rate limits, and the limit of requests in flight.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use groundwork_openapi::policy::Limit;
use groundwork_state::rate_limit::{Quota, RateLimitDecision, RateLimitKey, RateLimiter};
use metrics::Counter;
use poem::http::{HeaderMap, HeaderName};
use tokio::sync::Semaphore;

use super::error::{ApiError, ErrorCode};
use super::pending_bodies::{PendingBodies, PendingBody, lock};
use super::request::RequestScope;
use super::routes::Operation;
use crate::HTTP_SHED;

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
    /// Counts a request of this client; `None` for an operation without a limit.
    async fn check(&self, operation: &Operation, client: IpAddr) -> Option<RateLimitDecision> {
        let limit = match operation.policy.limit {
            Limit::General => &self.general,
            Limit::Credentials => &self.credentials,
            Limit::Unlimited => return None,
        };
        Some(limit.check(&self.limiter, RateLimitKey::for_client(client, &operation.template)).await)
    }
}

/// Admits requests within their rate limits and up to a number in flight.
#[derive(Clone, Debug)]
pub struct LoadShedder {
    rate_limits: Option<RateLimits>,
    in_flight: Arc<Semaphore>,
    pending_bodies: PendingBodies,
    shed: Counter,
}

impl LoadShedder {
    /// Admits up to `max_requests` at a time, and `max_pending_bodies` more whose bodies are
    /// arriving.
    pub fn new(rate_limits: Option<RateLimits>, max_requests: usize, max_pending_bodies: usize) -> Self {
        Self {
            rate_limits,
            in_flight: Arc::new(Semaphore::new(max_requests)),
            pending_bodies: PendingBodies::new(max_pending_bodies),
            shed: metrics::counter!(HTTP_SHED),
        }
    }

    /// Admits a request until its scope is dropped. Health checks need no permit: a load balancer
    /// considers an instance dead that is too busy to answer them, and moves its load to the
    /// others.
    ///
    /// # Errors
    /// 429 beyond the rate limit; 503 at once without a permit, as a queued request would only fail
    /// later.
    pub(crate) async fn admit(&self, operation: &Operation, scope: &RequestScope) -> Result<(), ApiError> {
        if operation.policy.limit == Limit::Unlimited {
            return Ok(());
        }
        if let Some(rate_limits) = &self.rate_limits
            && let Some(decision) = rate_limits.check(operation, scope.context().ip).await
        {
            scope.rate_limit.get_or_init(|| decision);
            if !decision.allowed {
                return Err(ApiError::rate_limited(&decision));
            }
        }
        self.acquire_permit(scope)
    }

    fn acquire_permit(&self, scope: &RequestScope) -> Result<(), ApiError> {
        let permit = Arc::clone(&self.in_flight).try_acquire_owned().map_err(|full| self.shed(full))?;
        *lock(&scope.permit) = Some(permit);
        Ok(())
    }

    fn shed(&self, reason: impl Into<Box<dyn Error + Send + Sync>>) -> ApiError {
        self.shed.increment(1);
        ApiError::from(ErrorCode::SERVICE_UNAVAILABLE).caused_by(reason)
    }

    /// Releases the request's permit until its body has arrived, so that bodies which never arrive
    /// hold no permits.
    pub(super) fn await_body(&self, scope: &RequestScope) -> AwaitedBody<'_> {
        let had_permit = lock(&scope.permit).take().is_some();
        AwaitedBody { pending: self.pending_bodies.begin(scope.context().ip), had_permit }
    }

    /// Acquires the permit again, once the body has arrived.
    pub(super) fn resume(&self, body: AwaitedBody<'_>, scope: &RequestScope) -> Result<(), ApiError> {
        let AwaitedBody { pending, had_permit } = body;
        drop(pending);
        if had_permit { self.acquire_permit(scope) } else { Ok(()) }
    }

    /// The error of a request whose body was evicted.
    pub(super) fn body_evicted(&self) -> ApiError {
        self.shed("too many bodies are pending")
    }
}

/// A request whose body is arriving.
pub(super) struct AwaitedBody<'a> {
    pub pending: PendingBody<'a>,
    had_permit: bool,
}

/// Sets the `RateLimit-…` headers (draft-ietf-httpapi-ratelimit-headers-03, section 3).
pub(super) fn set_rate_limit_headers(decision: &RateLimitDecision, headers: &mut HeaderMap) {
    headers.insert(RATELIMIT_LIMIT, decision.limit.into());
    headers.insert(RATELIMIT_REMAINING, decision.remaining.into());
    headers.insert(RATELIMIT_RESET, decision.reset.into());
}
