//! The time limit of a request.

use std::time::Duration;

use futures_util::FutureExt;
use poem::{Endpoint, Request, Response};

use crate::error::{ApiError, ErrorCode};

/// Answers 503 if a request takes longer than `duration`.
pub(super) struct Timeout<E> {
    pub inner: E,
    pub duration: Duration,
}

impl<E: Endpoint<Output = Response>> Endpoint for Timeout<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        tokio::time::timeout(self.duration, self.inner.call(request)).map(|response| {
            response.unwrap_or_else(|elapsed| {
                let error = ApiError::from(ErrorCode::SERVICE_UNAVAILABLE).caused_by(elapsed);
                Err(error.with_message("The request took too long; try again soon.").into())
            })
        })
    }
}
