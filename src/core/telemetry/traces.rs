//! Traces: the spans of a request, sent to an OpenTelemetry collector behind its back.
//!
//! A span is one of `tracing` with the target [`SPANS`], which the log leaves out. Without a collector nobody asks for that
//! target, and a span costs a load and a branch.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::courier::Courier;
use super::trace_context::TraceContext;
use crate::core::settings::Settings;

/// The target of all spans that are exported.
pub const SPANS: &str = "spans";

/// Whether spans are exported. `tracing::enabled!` would know it too, but where layers have filters of their own, asking it
/// without recording anything makes the next line of the log disappear.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Spans that wait to be sent, a few MiB at the most. Beyond them new ones are dropped: a trace is not worth a request.
const QUEUE: usize = 4_096;

/// Spans in one message.
const BATCH: usize = 512;

/// How long a span waits at most until it is sent.
const DELAY: Duration = Duration::from_secs(2);

/// How long the last spans may take at the end of the process.
const FLUSH: Duration = Duration::from_secs(5);

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The exporter cannot be made.
    #[error("traces cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT")]
    Exporter(#[from] ExporterBuildError),
    /// There is nothing to verify the collector with.
    #[error("the system's certificates to verify the collector with cannot be read")]
    Roots(#[from] std::io::Error),
}

/// Sends spans until it is finished.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// To the collector of the settings; `None` without one. To be called in the runtime, which does the sending.
    ///
    /// # Errors
    /// [`TracesError`].
    pub(super) fn new(settings: &Settings) -> Result<Option<Self>, TracesError> {
        let Some(endpoint) = &settings.otel_exporter_otlp_endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Courier::new()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        let name = settings.otel_service_name.as_ref().unwrap_or(&settings.app_name);
        let of_roots = Sampler::TraceIdRatioBased(settings.otel_traces_sampler_arg);
        let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(of_roots)))
            .with_resource(
                Resource::builder().with_service_name(name.clone()).with_attribute(version).build(),
            )
            .build();
        IS_ON.store(true, Ordering::Relaxed);
        Ok(Some(Self(provider)))
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer("groundwork")
    }

    /// Sends what is left, within bounds.
    pub async fn finish(self) {
        let flush = move || self.0.shutdown_with_timeout(FLUSH);
        match tokio::task::spawn_blocking(flush).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not sent"),
            Err(error) => tracing::warn!(%error, "the last spans were not sent"),
        }
    }
}

/// The span of a request, and the trace that it is a part of.
pub struct RequestTrace {
    /// For what the request does to happen in.
    pub span: Span,
    /// The trace, if there is one: begun here, or by the caller.
    pub trace_id: Option<String>,
    /// What a `traceparent` of the answer says: the span of this request, if there is one.
    pub outgoing: Option<TraceContext>,
}

impl RequestTrace {
    /// Begins the span of a request: in the caller's trace, or in a new one.
    pub fn begin(method: &'static str, caller: Option<TraceContext>) -> Self {
        let span = tracing::info_span!(
            target: SPANS,
            "request",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            http.request.method = method,
            http.route = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
        );
        if span.is_disabled() {
            return Self { span, trace_id: caller.map(|caller| caller.trace_id()), outgoing: None };
        }
        if let Some(caller) = caller {
            // Fails only for a span that has begun.
            let _ = span.set_parent(Context::new().with_remote_span_context(remote(caller)));
        }
        let context = span.context();
        let context = context.span().span_context().clone();
        let outgoing = context.is_valid().then(|| TraceContext {
            trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(context.span_id().to_bytes()),
            is_sampled: context.is_sampled(),
        });
        Self { span, trace_id: outgoing.or(caller).map(|context| context.trace_id()), outgoing }
    }

    /// Notes what became of the request.
    pub fn answered(&self, method: &str, route: Option<&str>, status: u16) {
        if self.span.is_disabled() {
            return;
        }
        if let Some(route) = route {
            // By its own hand: `otel.name` is read only before a span begins.
            self.span.context().span().update_name(format!("{method} {route}"));
            self.span.record("http.route", route);
        }
        self.span.record("http.response.status_code", status);
        if status >= 500 {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

fn remote(caller: TraceContext) -> SpanContext {
    let flags = if caller.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let trace = TraceId::from_bytes(caller.trace_id.to_be_bytes());
    let span = SpanId::from_bytes(caller.span_id.to_be_bytes());
    SpanContext::new(trace, span, flags, true, TraceState::NONE)
}

/// Whether what happens now belongs to a request whose spans are exported. What the service does by itself, such as checks
/// of replicas, begins no trace.
pub fn is_traced() -> bool {
    IS_ON.load(Ordering::Relaxed) && Span::current().id().is_some()
}

/// The span of a part of a request: `span_of!("redis", "client", db.system.name = "redis")`.
macro_rules! span_of {
    ($name:expr, $kind:literal $(, $($field:tt)+)?) => {
        if $crate::core::telemetry::traces::is_traced() {
            tracing::info_span!(
                target: $crate::core::telemetry::traces::SPANS, "part", otel.name = $name, otel.kind = $kind $(, $($field)+)?
            )
        } else {
            tracing::Span::none()
        }
    };
}
pub(crate) use span_of;
