//! Whatever went wrong inside, the client gets the one error body.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
use poem::http::{HeaderValue, StatusCode};
use poem::{Endpoint, Request, Response};

use crate::api::errors::{ErrorCode, Problem};
use crate::api::limits;
use crate::api::request::RequestScope;

pub(super) struct Envelope<E> {
    pub inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for Envelope<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let scope = request.data::<RequestScope>().cloned();
        let request_id = scope.as_ref().map_or("", |scope| scope.context().request_id.as_str());
        let result = AssertUnwindSafe(self.inner.call(request)).catch_unwind().await;
        let mut response = match result {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => respond(error, request_id),
            Err(panic) => Problem::from(ErrorCode::InternalError)
                .caused_by(describe(panic.as_ref()))
                .respond(request_id),
        };
        let headers = response.headers_mut();
        if let Some(verdict) = scope.as_ref().and_then(RequestScope::verdict) {
            limits::announce(verdict, headers);
        }
        let operation = scope.as_ref().and_then(RequestScope::operation);
        if let Some(retirement) = operation.and_then(|operation| operation.policy.retirement.as_ref()) {
            retirement.set_headers(headers);
        }
        Ok(response)
    }
}

fn respond(error: poem::Error, request_id: &str) -> Response {
    match error.downcast::<Problem>() {
        Ok(problem) => problem.respond(request_id),
        Err(error) => foreign(&error).respond(request_id),
    }
}

/// The errors that poem itself makes; their texts stay inside.
fn foreign(error: &poem::Error) -> Problem {
    if error.is::<NotFoundError>() || error.is::<ParsePathError>() {
        return ErrorCode::NotFound.into();
    }
    if error.is::<MethodNotAllowedError>() {
        // Only the pages are routed by poem's own table, and they are only read.
        return Problem::method_not_allowed(HeaderValue::from_static("GET, HEAD"));
    }
    let code = match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
        status if status.is_client_error() => ErrorCode::MalformedRequest,
        _ => ErrorCode::InternalError,
    };
    Problem::from(code).caused_by(error.to_string())
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use poem::endpoint::make;
    use poem::http::Method;

    use super::*;
    use crate::api::forwarded::Proxies;
    use crate::api::policy::Policy;
    use crate::api::routes::Operation;
    use crate::core::context::RequestId;
    use crate::core::settings::ForwardedHeader;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_and_its_words_stay_inside() {
        let inner = make(|request: Request| async move {
            assert!(request.uri().path().is_empty(), "the secret is 42");
            Ok::<_, poem::Error>(Response::default())
        });
        let response = Envelope { inner }.call(Request::default()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().into_string().await.unwrap();
        assert!(body.contains("internal_error") && !body.contains("42"), "{body}");
    }

    #[tokio::test]
    async fn the_answers_of_an_operation_that_will_end_say_so() {
        let template = "/things".into();
        let policy = Policy::of(["sunset:20261201:20270630"]).unwrap();
        let operation = Arc::new(Operation { method: Method::GET, template, policy });
        let mut request = Request::default();
        let proxies = Proxies { trusted: Vec::new(), header: ForwardedHeader::Either };
        let scope = RequestScope::of(&request, RequestId::Made("id-1".to_owned()), &proxies);
        scope.set_operation(&operation);
        request.set_data(scope);
        let inner =
            make(|_| async { Err::<Response, poem::Error>(Problem::from(ErrorCode::NotFound).into()) });
        let response = Envelope { inner }.call(request).await.unwrap();
        assert_eq!(response.header("deprecation"), Some("@1796083200"));
        assert_eq!(response.header("sunset"), Some("Wed, 30 Jun 2027 00:00:00 GMT"));
    }

    #[tokio::test]
    async fn an_error_of_the_framework_does_not_show_its_text() {
        let inner = make(|_| async {
            Err::<Response, _>(poem::Error::from_string("inner words", StatusCode::BAD_REQUEST))
        });
        let response = Envelope { inner }.call(Request::default()).await.unwrap();
        let body = response.into_body().into_string().await.unwrap();
        assert!(body.contains("malformed_request") && !body.contains("inner words"), "{body}");
    }
}
