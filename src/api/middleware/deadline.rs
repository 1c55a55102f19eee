//! How long a request may take.

use std::time::Duration;

use poem::{Endpoint, Request, Response};

use crate::api::errors::{ErrorCode, Problem};

/// Whatever a request waits for, its caller hears of trouble in bounded time.
pub(super) struct Deadline<E> {
    pub inner: E,
    pub request_timeout: Duration,
}

impl<E: Endpoint<Output = Response>> Endpoint for Deadline<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let answer = tokio::time::timeout(self.request_timeout, self.inner.call(request)).await;
        answer.unwrap_or_else(|elapsed| {
            let problem = Problem::from(ErrorCode::ServiceUnavailable).caused_by(elapsed);
            Err(problem.with_message("The request took too long; try again soon.").into())
        })
    }
}
