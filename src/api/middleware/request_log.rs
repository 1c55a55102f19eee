//! One line a request, and its id on every line written meanwhile.

use std::time::Instant;

use poem::http::Method;
use poem::{Endpoint, IntoResponse, Request, Response};
use tracing::Instrument;

use crate::api::request::RequestScope;
use crate::core::telemetry::metrics::{HTTP_DURATION, HTTP_REQUESTS};

/// What nginx calls a request whose client left before the answer; never sent.
const CLIENT_LEFT: u16 = 499;

pub(super) struct RequestLog<E> {
    pub inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for RequestLog<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let Some(scope) = request.data::<RequestScope>().cloned() else {
            return self.inner.call(request).await;
        };
        let span = tracing::info_span!("request", request_id = scope.context().request_id);
        let mut line =
            Line { scope, method: request.method().clone(), start: Instant::now(), status: CLIENT_LEFT };
        let response = self.inner.call(request).instrument(span).await;
        let response = response.map_or_else(poem::Error::into_response, IntoResponse::into_response);
        line.status = response.status().as_u16();
        Ok(response)
    }
}

/// Written when it is dropped: also when the client leaves and the call is never finished.
struct Line {
    scope: RequestScope,
    method: Method,
    start: Instant,
    status: u16,
}

impl Line {
    fn measure(&self, route: String) {
        // Anybody may make up a method; what is no operation is counted together.
        let method = if route == "-" { "-" } else { known(&self.method) };
        let status = self.status.to_string();
        metrics::counter!(HTTP_REQUESTS, "route" => route.clone(), "method" => method, "status" => status)
            .increment(1);
        metrics::histogram!(HTTP_DURATION, "route" => route, "method" => method)
            .record(self.start.elapsed().as_secs_f64());
    }
}

/// The name of a method, of which there are few here.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("-")
}

impl Drop for Line {
    fn drop(&mut self) {
        let context = self.scope.context();
        // The query and the path itself stay out: they may hold what is personal or secret.
        let route = self.scope.operation().map_or("-", |operation| &operation.template);
        self.measure(route.to_owned());
        tracing::info!(
            method = self.method.as_str(),
            route,
            status = self.status,
            duration_ms = self.start.elapsed().as_secs_f64() * 1000.0,
            user_id = self.scope.user().map(|id| id.0),
            ip = %context.ip,
            request_id = context.request_id,
            "request"
        );
    }
}
