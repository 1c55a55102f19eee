//! Rate limits of operations: which one applies, and how an answer tells of it.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use metrics::Counter;
use poem::http::{HeaderMap, HeaderName};
use tokio::sync::Semaphore;

use super::arrivals::{Arrival, Arrivals};
use super::errors::{ErrorCode, Problem};
use super::policy::Limit;
use super::request::RequestScope;
use super::routes::Operation;
use crate::core::rate_limit::{Quota, RateLimitDecision, RateLimitKey, RateLimiter};
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
    pub general: Quota,
    /// Requests in a window to an operation of [`Limit::Credentials`].
    pub credentials: Quota,
}

impl Limits {
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

/// Who is let in: within the limits, and while there is room.
#[derive(Clone, Debug)]
pub struct Admission {
    limits: Option<Limits>,
    room: Arc<Semaphore>,
    arrivals: Arrivals,
    shed: Meter<Counter>,
}

impl Admission {
    /// So many requests at once, within `limits` if there are any, and so many more whose bodies are waited for.
    pub fn new(limits: Option<Limits>, max_requests: usize, max_arrivals: usize) -> Self {
        let room = Arc::new(Semaphore::new(max_requests));
        Self { limits, room, arrivals: Arrivals::new(max_arrivals), shed: counter(HTTP_SHED, &[]) }
    }

    /// Lets a request in until its scope is dropped. Health needs none: a service that is too busy to say that it lives is
    /// taken for dead, and its load given to the others.
    ///
    /// # Errors
    /// 429 beyond the limit; 503 without room, at once: what cannot be served in time is better refused than queued.
    pub async fn admit(&self, operation: &Operation, scope: &RequestScope) -> Result<(), Problem> {
        if operation.policy.limit == Limit::Unlimited {
            return Ok(());
        }
        if let Some(limits) = &self.limits
            && let Some(verdict) = limits.check(operation, scope.context().ip).await
        {
            scope.set_verdict(verdict);
            if !verdict.allowed {
                return Err(Problem::rate_limited(&verdict));
            }
        }
        self.take_place(scope)
    }

    fn take_place(&self, scope: &RequestScope) -> Result<(), Problem> {
        let place = Arc::clone(&self.room).try_acquire_owned();
        *scope.place() = Some(place.map_err(|full| self.shed(full))?);
        Ok(())
    }

    fn shed(&self, why: impl Into<Box<dyn Error + Send + Sync>>) -> Problem {
        self.shed.increment(1);
        Problem::from(ErrorCode::ServiceUnavailable).caused_by(why)
    }

    /// Gives the place of a request that was let in to another one until its body has come, so that bodies that never come keep
    /// none from anybody.
    pub(super) fn wait_for_body(&self, scope: &RequestScope) -> Waiting<'_> {
        let had_place = scope.place().take().is_some();
        Waiting { arrival: self.arrivals.begin(scope.context().ip), had_place }
    }

    /// Goes on with a request whose body has come.
    ///
    /// # Errors
    /// 503 without room.
    pub(super) fn go_on(&self, waiting: Waiting<'_>, scope: &RequestScope) -> Result<(), Problem> {
        let Waiting { arrival, had_place } = waiting;
        drop(arrival);
        if had_place { self.take_place(scope) } else { Ok(()) }
    }

    /// The answer when a body is given up for another one.
    pub(super) fn given_up(&self) -> Problem {
        self.shed("the bodies of too many requests are waited for")
    }
}

/// A request whose body is waited for.
pub(super) struct Waiting<'a> {
    pub arrival: Arrival<'a>,
    had_place: bool,
}

/// The headers that tell a client where it stands (draft-ietf-httpapi-ratelimit-headers-03, section 3).
pub fn announce(verdict: &RateLimitDecision, headers: &mut HeaderMap) {
    headers.insert(RATELIMIT_LIMIT, verdict.limit.into());
    headers.insert(RATELIMIT_REMAINING, verdict.remaining.into());
    headers.insert(RATELIMIT_RESET, verdict.reset.into());
}
