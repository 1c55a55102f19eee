//! Traces of work that a request leaves to be done later.

use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::trace_context;
use crate::traces::REQUESTS;

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

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::traces::{self, RequestTrace, traceparent};
    use tracing::subscriber::NoSubscriber;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_job_continues_the_trace_of_the_request_that_enqueued_it() {
        let provider = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry().with(traces::layer(&provider));
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(traceparent(&Span::current()), None);
            let caller = format!("00-{TRACE}-b7ad6b7169203331-01");
            let request = RequestTrace::start("POST", Some(&caller));
            let stored = request.span.in_scope(|| traceparent(&Span::current()));
            assert_eq!(stored, request.traceparent);
            let job = JobTrace::start("send_mail", stored.as_deref());
            assert_eq!(job.trace_id.as_deref(), Some(TRACE));
            let within = job.span.in_scope(|| traceparent(&Span::current())).unwrap();
            assert!(within.contains(TRACE) && Some(&within) != stored.as_ref(), "{within}");

            let alone = JobTrace::start("clean_up", None).trace_id.unwrap();
            assert_ne!(alone, TRACE);
        });
    }

    #[test]
    fn without_an_exporter_a_job_keeps_the_id_of_its_trace() {
        // Without a subscriber of its own, it would have that of a test that runs meanwhile.
        tracing::subscriber::with_default(NoSubscriber::new(), || {
            let job = JobTrace::start("send_mail", Some(&format!("00-{TRACE}-b7ad6b7169203331-01")));
            assert!(job.span.is_disabled());
            assert_eq!((job.trace_id.as_deref(), traceparent(&Span::current())), (Some(TRACE), None));
        });
    }
}
