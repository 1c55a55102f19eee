//! Rate limits of operations: which one applies, and how an answer tells of it.

use std::net::IpAddr;
use std::sync::Arc;

use metrics::Counter;
use poem::http::{HeaderMap, HeaderName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::errors::{ErrorCode, Problem};
use super::policy::Limit;
use super::request::RequestScope;
use super::routes::Operation;
use crate::core::rate_limit::{Allowance, Key, RateLimiter, Verdict};
use crate::core::telemetry::metrics::{HTTP_SHED, Meter, counter};

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The limits in force.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Counts.
    pub limiter: RateLimiter,
    /// Requests in a window to an operation of [`Limit::General`].
    pub general: Allowance,
    /// Requests in a window to an operation of [`Limit::Credentials`].
    pub credentials: Allowance,
}

impl Limits {
    /// Counts a request of this client; `None` for an operation without a limit.
    async fn check(&self, operation: &Operation, client: IpAddr) -> Option<Verdict> {
        let limit = match operation.policy.limit {
            Limit::General => &self.general,
            Limit::Credentials => &self.credentials,
            Limit::Unlimited => return None,
        };
        Some(limit.check(&self.limiter, Key::new(client, &operation.template)).await)
    }
}

/// Who is let in: within the limits, and while there is room.
#[derive(Clone, Debug)]
pub struct Admission {
    limits: Option<Limits>,
    room: Arc<Semaphore>,
    shed: Meter<Counter>,
}

impl Admission {
    /// So many requests at once, within `limits` if there are any.
    pub fn new(limits: Option<Limits>, max_requests: usize) -> Self {
        Self { limits, room: Arc::new(Semaphore::new(max_requests)), shed: counter(HTTP_SHED, &[]) }
    }

    /// Lets a request in until the permit is dropped. Health needs none: a service that is too busy to say that it lives is
    /// taken for dead, and its load given to the others.
    ///
    /// # Errors
    /// 429 beyond the limit; 503 without room, at once: what cannot be served in time is better refused than queued.
    pub async fn admit(
        &self,
        operation: &Operation,
        scope: &RequestScope,
    ) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if operation.policy.limit == Limit::Unlimited {
            return Ok(None);
        }
        if let Some(limits) = &self.limits
            && let Some(verdict) = limits.check(operation, scope.context().ip).await
        {
            scope.set_verdict(verdict);
            if !verdict.allowed {
                return Err(Problem::rate_limited(&verdict));
            }
        }
        let full = |full| {
            self.shed.increment(1);
            Problem::from(ErrorCode::ServiceUnavailable).caused_by(full)
        };
        Ok(Some(Arc::clone(&self.room).try_acquire_owned().map_err(full)?))
    }
}

/// The headers that tell a client where it stands (draft-ietf-httpapi-ratelimit-headers-03, section 3).
pub fn announce(verdict: &Verdict, headers: &mut HeaderMap) {
    headers.insert(RATELIMIT_LIMIT, verdict.limit.into());
    headers.insert(RATELIMIT_REMAINING, verdict.remaining.into());
    headers.insert(RATELIMIT_RESET, verdict.reset.into());
}
