//! Turns every error and panic below it into the error body, and refuses malformed requests.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
use poem::http::{HeaderValue, StatusCode, Version, header};
use poem::{Endpoint, Request, Response};

use crate::error::{ApiError, ErrorCode};
use crate::rate_limits;
use crate::request::RequestScope;

pub(super) struct CatchErrors<E> {
    pub inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for CatchErrors<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let scope = request.data::<Arc<RequestScope>>().cloned();
        let request_id = scope.as_ref().map_or("", |scope| scope.context().request_id.as_str());
        let version = request.version();
        let malformed = scope.as_ref().and_then(|scope| scope.malformed);
        // A malformed request is routed too, so that the rate limit counts it before it is refused.
        let result = AssertUnwindSafe(self.inner.call(request)).catch_unwind().await;
        let operation = scope.as_ref().and_then(|scope| scope.operation.get());
        let mut response = match (result, malformed) {
            // Only operations have refused it by now.
            (_, Some(malformed)) if operation.is_none() => ApiError::from(malformed).respond(request_id),
            (Ok(Ok(response)), _) => response,
            (Ok(Err(error)), _) => respond(error, request_id),
            (Err(panic), _) => ApiError::from(ErrorCode::INTERNAL_ERROR)
                .caused_by(describe(panic.as_ref()))
                .respond(request_id),
        };
        let headers = response.headers_mut();
        if malformed.is_some() && version < Version::HTTP_2 {
            // A proxy in front may have framed the request differently, and with it what follows.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(decision) = scope.as_ref().and_then(|scope| scope.rate_limit()) {
            rate_limits::set_headers(decision, headers);
        }
        if let Some(retirement) = operation.and_then(|operation| operation.policy.retirement.as_ref()) {
            retirement.set_headers(headers);
        }
        Ok(response)
    }
}

fn respond(error: poem::Error, request_id: &str) -> Response {
    match error.downcast::<ApiError>() {
        Ok(error) => error.respond(request_id),
        Err(error) => from_framework_error(&error).respond(request_id),
    }
}

/// Maps poem's own errors to the catalogue. Their texts are logged, not shown.
fn from_framework_error(error: &poem::Error) -> ApiError {
    if error.is::<NotFoundError>() || error.is::<ParsePathError>() {
        return ErrorCode::NOT_FOUND.into();
    }
    if error.is::<MethodNotAllowedError>() {
        // poem routes only the documentation pages by method, and those are read-only.
        return ApiError::method_not_allowed(HeaderValue::from_static("GET, HEAD"));
    }
    let code = match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PAYLOAD_TOO_LARGE,
        status if status.is_client_error() => ErrorCode::MALFORMED_REQUEST,
        _ => ErrorCode::INTERNAL_ERROR,
    };
    ApiError::from(code).caused_by(error.to_string())
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make;
    use poem::http::Method;

    use super::*;
    use crate::routes::Operation;
    use groundwork_openapi::policy::Policy;
    use groundwork_server::client::ForwardedHeader;
    use groundwork_server::client::TrustedProxies;
    use groundwork_telemetry::context::RequestId;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_whose_message_is_not_shown() {
        let inner = make(|request: Request| async move {
            assert!(request.uri().path().is_empty(), "the secret is 42");
            Ok::<_, poem::Error>(Response::default())
        });
        let response = CatchErrors { inner }.call(Request::default()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().into_string().await.unwrap();
        assert!(body.contains("internal_error") && !body.contains("42"), "{body}");
    }

    #[tokio::test]
    async fn responses_of_a_deprecated_operation_say_when_it_ends() {
        let template = "/things".into();
        let policy = Policy::of(["sunset:20261201:20270630"]).unwrap();
        let operation = Arc::new(Operation { method: Method::GET, template, policy });
        let mut request = Request::default();
        let proxies =
            TrustedProxies { networks: Vec::new(), header: ForwardedHeader::Either, setting: "PROXIES" };
        let scope = RequestScope::new(&request, RequestId::Made("id-1".to_owned()), &proxies);
        scope.operation.set(operation).unwrap();
        request.set_data(Arc::new(scope));
        let inner =
            make(|_| async { Err::<Response, poem::Error>(ApiError::from(ErrorCode::NOT_FOUND).into()) });
        let response = CatchErrors { inner }.call(request).await.unwrap();
        assert_eq!(response.header("deprecation"), Some("@1796083200"));
        assert_eq!(response.header("sunset"), Some("Wed, 30 Jun 2027 00:00:00 GMT"));
    }

    #[tokio::test]
    async fn an_error_of_the_framework_does_not_show_its_text() {
        let inner = make(|_| async {
            Err::<Response, _>(poem::Error::from_string("inner words", StatusCode::BAD_REQUEST))
        });
        let response = CatchErrors { inner }.call(Request::default()).await.unwrap();
        let body = response.into_body().into_string().await.unwrap();
        assert!(body.contains("malformed_request") && !body.contains("inner words"), "{body}");
    }
}
