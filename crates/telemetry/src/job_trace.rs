//! Traces of work that a request leaves to be done later.

use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::trace_context;
use crate::traces::REQUESTS;

/// The current span as a `traceparent`, to be stored with a job. `None` outside of a trace, and
/// where traces are not exported.
pub fn current_traceparent() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    span.span_context().is_valid().then(|| trace_context::format(span.span_context()))
}

/// The span of a job, and the trace that it is part of.
#[derive(Debug)]
pub struct JobTrace {
    /// Disabled where traces are not exported. The job is to run within it.
    pub span: Span,
    /// The trace's id in hexadecimal, for log lines. `None` without a trace.
    pub trace_id: Option<String>,
}

impl JobTrace {
    /// Starts the span of a job of this kind, in the trace of the request that enqueued it if
    /// `traceparent` is valid, otherwise in a new one.
    pub fn start(kind: &str, traceparent: Option<&str>) -> Self {
        let parent = traceparent.and_then(trace_context::parse);
        let span = tracing::info_span!(
            target: REQUESTS,
            parent: None,
            "job",
            otel.name = kind,
            otel.kind = "consumer",
            otel.status_code = tracing::field::Empty,
            messaging.operation.name = "process",
            messaging.destination.name = kind,
        );
        let mut trace_id = parent.as_ref().map(|parent| parent.trace_id().to_string());
        if span.is_disabled() {
            return Self { span, trace_id };
        }
        if let Some(parent) = parent {
            // Fails only for a span that has been entered.
            let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
        }
        let context = span.context();
        let context = context.span().span_context().clone();
        if context.is_valid() {
            trace_id = Some(context.trace_id().to_string());
        }
        Self { span, trace_id }
    }

    /// Records that the job has failed.
    pub fn record_failure(&self) {
        self.span.record("otel.status_code", "ERROR");
    }
}
