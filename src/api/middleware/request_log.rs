//! One line a request, its ids on every line written meanwhile, and its part in metrics and traces.

use std::sync::Arc;
use std::time::Instant;

use groundwork_telemetry::RequestTrace;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse, Request, Response};
use tracing::Instrument;

use super::measure::{Measure, usual};
use crate::api::request::RequestScope;

/// What nginx calls a request whose client left before the answer; never sent.
const CLIENT_LEFT: u16 = 499;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

pub(super) struct RequestLog<E> {
    pub inner: E,
    pub measure: Arc<Measure>,
}

impl<E: Endpoint<Output = Response>> Endpoint for RequestLog<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let Some(scope) = request.data::<RequestScope>().cloned() else {
            return self.inner.call(request).await;
        };
        self.measure.begin();
        let trace = RequestTrace::start(usual(request.method()), caller(request.headers()));
        // Of the highest level, so that the lines of a request have its ids whatever LOG_LEVEL is.
        let span = tracing::error_span!(
            parent: &trace.span,
            "request",
            request_id = scope.context().request_id.as_str(),
            trace_id = trace.trace_id,
        );
        let exported = trace.span.clone();
        let mut line = Line {
            scope,
            method: usual(request.method()),
            start: Instant::now(),
            status: CLIENT_LEFT,
            measure: Arc::clone(&self.measure),
            trace,
        };
        let response = self.inner.call(request).instrument(span).instrument(exported).await;
        let mut response = response.map_or_else(poem::Error::into_response, IntoResponse::into_response);
        line.status = response.status().as_u16();
        if let Some(Ok(value)) = line.trace.traceparent.as_deref().map(HeaderValue::from_str) {
            response.headers_mut().insert(TRACEPARENT, value);
        }
        Ok(response)
    }
}

/// The caller's trace, if it names exactly one.
fn caller(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    only.to_str().ok()
}

/// Written when it is dropped: also when the client leaves and the call is never finished.
struct Line {
    scope: RequestScope,
    method: &'static str,
    start: Instant,
    status: u16,
    measure: Arc<Measure>,
    trace: RequestTrace,
}

impl Drop for Line {
    fn drop(&mut self) {
        let context = self.scope.context();
        // The query and the path itself stay out: they may hold what is personal or secret.
        let template = self.scope.operation().map(|operation| &operation.template);
        let (took, method) = (self.start.elapsed(), self.method);
        self.measure.end(template, method, self.status, took);
        self.trace.record_response(method, template.map(AsRef::as_ref), self.status);
        tracing::info!(
            method,
            route = template.map_or("-", |template| template),
            status = self.status,
            duration_ms = took.as_secs_f64() * 1000.0,
            user_id = self.scope.user().map(|id| id.0),
            ip = %context.ip,
            request_id = context.request_id.as_str(),
            trace_id = self.trace.trace_id,
            "request"
        );
    }
}
