//! The limit of requests in flight.

use std::error::Error;
use std::sync::Arc;

use metrics::Counter;
use tokio::sync::Semaphore;

use super::error::{ApiError, ErrorCode};
use super::pending_bodies::{PendingBodies, PendingBody, lock};
use super::request::RequestScope;
use crate::HTTP_SHED;

/// Admits requests up to a number in flight.
#[derive(Clone, Debug)]
pub struct LoadShedder {
    in_flight: Arc<Semaphore>,
    pending_bodies: PendingBodies,
    shed: Counter,
}

impl LoadShedder {
    /// Admits up to `max_requests` at a time, and `max_pending_bodies` more whose bodies are
    /// arriving.
    pub fn new(max_requests: usize, max_pending_bodies: usize) -> Self {
        Self {
            in_flight: Arc::new(Semaphore::new(max_requests)),
            pending_bodies: PendingBodies::new(max_pending_bodies),
            shed: metrics::counter!(HTTP_SHED),
        }
    }

    /// Admits a request until its scope is dropped.
    ///
    /// # Errors
    /// 503 at once without a permit, as a queued request would only fail later.
    pub(crate) fn admit(&self, scope: &RequestScope) -> Result<(), ApiError> {
        let permit = Arc::clone(&self.in_flight).try_acquire_owned().map_err(|full| self.shed(full))?;
        *lock(&scope.permit) = Some(permit);
        Ok(())
    }

    /// Waits for a body while the request holds no permit, so that bodies which never arrive hold
    /// none.
    ///
    /// # Errors
    /// That of `receive`; 503 if the body is evicted, or without a permit once it has arrived.
    pub(crate) async fn without_permit(
        &self,
        scope: &RequestScope,
        receive: impl AsyncFnOnce(&PendingBody<'_>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let had_permit = lock(&scope.permit).take().is_some();
        let pending = self.pending_bodies.begin(scope.context().ip);
        tokio::select! {
            biased;
            received = receive(&pending) => received?,
            () = pending.evicted() => return Err(self.shed("too many bodies are pending")),
        }
        drop(pending);
        if had_permit { self.admit(scope) } else { Ok(()) }
    }

    fn shed(&self, reason: impl Into<Box<dyn Error + Send + Sync>>) -> ApiError {
        self.shed.increment(1);
        ApiError::from(ErrorCode::SERVICE_UNAVAILABLE).caused_by(reason)
    }
}
