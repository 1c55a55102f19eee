//! One line a request, and its id on every line written meanwhile.

use std::time::Instant;

use poem::{Endpoint, IntoResponse, Request, Response};
use tracing::Instrument;

use crate::api::request::RequestScope;

pub(super) struct RequestLog<E> {
    pub inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for RequestLog<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let Some(scope) = request.data::<RequestScope>().cloned() else {
            return self.inner.call(request).await;
        };
        let start = Instant::now();
        let method = request.method().clone();
        let span = tracing::info_span!("request", request_id = scope.context().request_id);
        let response = self.inner.call(request).instrument(span).await;
        let response = response.map_or_else(poem::Error::into_response, IntoResponse::into_response);
        // The query and the path itself stay out: they may hold what is personal or secret.
        let route = scope.operation().map_or("-", |operation| operation.template.as_str());
        tracing::info!(
            method = method.as_str(),
            route,
            status = response.status().as_u16(),
            duration_ms = start.elapsed().as_secs_f64() * 1000.0,
            user_id = scope.user().map(|id| id.0),
            ip = %scope.context().ip,
            request_id = scope.context().request_id,
            "request"
        );
        Ok(response)
    }
}
