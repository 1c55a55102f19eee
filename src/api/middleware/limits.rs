//! How long a request may take and how large it may say it is.

use std::time::Duration;

use poem::http::header;
use poem::{Endpoint, Request, Response};

use crate::api::errors::{ErrorCode, Problem};
use crate::api::extract::MAX_BODY_BYTES;

pub(super) struct Limits<E> {
    pub inner: E,
    pub request_timeout: Duration,
}

impl<E: Endpoint<Output = Response>> Endpoint for Limits<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        // A body that says it is too large is refused unread; one that does not say is counted while it is read.
        let declared = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if declared.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
            return Err(Problem::from(ErrorCode::PayloadTooLarge).into());
        }
        let answer = tokio::time::timeout(self.request_timeout, self.inner.call(request)).await;
        answer.unwrap_or_else(|elapsed| {
            let problem = Problem::from(ErrorCode::ServiceUnavailable).caused_by(elapsed);
            Err(problem.saying("The request took too long; try again soon.").into())
        })
    }
}
