//! Logs one line per request, tags nested events with its ids, and records metrics and spans.

use std::sync::Arc;
use std::time::Instant;

use futures_util::TryFutureExt;
use futures_util::future::Either;
use groundwork_telemetry::RequestTrace;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{Endpoint, Request, Response};
use tracing::Instrument;

use super::request_metrics::{RequestMetrics, method_label};
use crate::request::RequestScope;

/// nginx's status of a request whose client disconnected before the response. It is logged, never
/// sent.
const CLIENT_CLOSED_REQUEST: u16 = 499;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

pub(super) struct RequestLog<E> {
    pub inner: E,
    pub metrics: Arc<RequestMetrics>,
}

impl<E: Endpoint<Output = Response>> Endpoint for RequestLog<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        let Some(scope) = request.data::<Arc<RequestScope>>().cloned() else {
            return Either::Left(self.inner.call(request));
        };
        self.metrics.begin();
        let trace = RequestTrace::start(method_label(request.method()), parent(request.headers()));
        // At the highest level, so that a request's lines have its ids at every LOG_LEVEL.
        let span = tracing::error_span!(
            parent: &trace.span,
            "request",
            request_id = scope.context().request_id.as_str(),
            trace_id = trace.trace_id,
        );
        let exported = trace.span.clone();
        let mut entry = LogEntry {
            scope,
            method: method_label(request.method()),
            start: Instant::now(),
            status: CLIENT_CLOSED_REQUEST,
            metrics: Arc::clone(&self.metrics),
            trace,
        };
        let response = self.inner.call(request).instrument(span).instrument(exported);
        Either::Right(response.map_ok(move |mut response| {
            entry.status = response.status().as_u16();
            if let Some(Ok(value)) = entry.trace.traceparent.as_deref().map(HeaderValue::from_str) {
                response.headers_mut().insert(TRACEPARENT, value);
            }
            response
        }))
    }
}

/// The client's trace context, if the header is there exactly once.
fn parent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    only.to_str().ok()
}

/// Logged on drop, and so also when the client disconnects and the future is dropped.
struct LogEntry {
    scope: Arc<RequestScope>,
    method: &'static str,
    start: Instant,
    status: u16,
    metrics: Arc<RequestMetrics>,
    trace: RequestTrace,
}

impl Drop for LogEntry {
    fn drop(&mut self) {
        let context = self.scope.context();
        // Not the path or the query, which may hold personal or secret data.
        let template = self.scope.operation.get().map(|operation| &operation.template);
        let (took, method) = (self.start.elapsed(), self.method);
        self.metrics.end(template, method, self.status, took);
        self.trace.record_response(method, template.map(AsRef::as_ref), self.status);
        tracing::info!(
            method,
            route = template.map_or("-", |template| template),
            status = self.status,
            duration_ms = took.as_secs_f64() * 1000.0,
            user_id = self.scope.user_id.get(),
            ip = %context.ip,
            request_id = context.request_id.as_str(),
            trace_id = self.trace.trace_id,
            "request"
        );
    }
}
