//! Traces, exported asynchronously to an OpenTelemetry collector.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, TraceContextExt, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{LevelFilter, dynamic_filter_fn};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::otlp::OtlpHttpClient;
use crate::{Error, trace_context};

/// The target of an exported span of `tracing` that is part of a request. Any crate may create one:
/// the fields `otel.name` and `otel.kind` are its name and kind. Without a request's span around
/// it, or without [`Config::traces`](crate::Config::traces), it is disabled, and then costs a load
/// and a branch.
pub const SPANS: &str = "otel::span";

/// The target of the span of a request or a job.
pub(crate) const REQUESTS: &str = "otel::request";

/// Spans that wait to be sent, a few MiB at most. Further ones are dropped.
const MAX_QUEUE_SIZE: usize = 4_096;

/// Spans in one message.
const BATCH_SIZE: usize = 512;

/// How long a span waits at most until it is sent.
const EXPORT_INTERVAL: Duration = Duration::from_secs(2);

/// How long sending the last spans may take.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Where traces go, and which.
#[derive(Clone, Debug)]
pub struct TracesConfig {
    /// The collector's base URL; spans go to `/v1/traces` below it (OTLP over HTTP, protobuf).
    pub endpoint: String,
    /// The resource attribute `service.name`.
    pub service_name: String,
    /// The share of traces that begin here to be sampled, from 0 to 1. A trace that a caller began
    /// is sampled as the caller says.
    pub sample_ratio: f64,
}

pub(crate) fn provider(config: &TracesConfig, version: &'static str) -> Result<SdkTracerProvider, Error> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(OtlpHttpClient::new().map_err(Error::Certificates)?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", config.endpoint))
        .build()?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_QUEUE_SIZE)
        .with_max_export_batch_size(BATCH_SIZE)
        .with_scheduled_delay(EXPORT_INTERVAL)
        .build();
    let resource = Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attribute(KeyValue::new("service.version", version));
    let roots = Sampler::TraceIdRatioBased(config.sample_ratio);
    Ok(SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .with_sampler(Sampler::ParentBased(Box::new(roots)))
        .with_resource(resource.build())
        .build())
}

/// Whether spans of this target belong to traces instead of the log.
pub(crate) fn is_exported(target: &str) -> bool {
    target == SPANS || target == REQUESTS
}

pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // What the service does by itself, such as health checks, begins no trace.
    let is_in_request = |metadata: &Metadata<'_>, context: &Context<'_, S>| {
        metadata.target() == REQUESTS || metadata.target() == SPANS && context.lookup_current().is_some()
    };
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        .with_context_activation(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(dynamic_filter_fn(is_in_request).with_max_level_hint(LevelFilter::INFO))
}

/// The span of a request, and the trace that it is part of.
#[derive(Debug)]
pub struct RequestTrace {
    /// Disabled where traces are not exported. What the request does is to happen within it.
    pub span: Span,
    /// The trace's id in hexadecimal, for log lines: of the trace that begins here or of the
    /// caller's. `None` without either.
    pub trace_id: Option<String>,
    /// The response's `traceparent` header, which names this span. `None` where traces are not
    /// exported.
    pub traceparent: Option<String>,
}

impl RequestTrace {
    /// Starts the span of a request, in the trace of its `traceparent` header if that is valid,
    /// otherwise in a new one.
    pub fn start(method: &'static str, traceparent: Option<&str>) -> Self {
        let parent = traceparent.and_then(trace_context::parse);
        let span = tracing::info_span!(
            target: REQUESTS,
            "request",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            http.request.method = method,
            http.route = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
        );
        let mut trace_id = parent.as_ref().map(|parent| parent.trace_id().to_string());
        if span.is_disabled() {
            return Self { span, trace_id, traceparent: None };
        }
        if let Some(parent) = parent {
            // Fails only for a span that has been entered.
            let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
        }
        let context = context_of(&span);
        let traceparent = context.as_ref().map(trace_context::format);
        trace_id = context.map(|context| context.trace_id().to_string()).or(trace_id);
        Self { span, trace_id, traceparent }
    }

    /// Records the response. `route` is the template of the route, such as `/users/{id}`.
    pub fn record_response(&self, method: &str, route: Option<&str>, status: u16) {
        if self.span.is_disabled() {
            return;
        }
        if let Some(route) = route {
            // `otel.name` is read only when a span starts.
            self.span.context().span().update_name(format!("{method} {route}"));
            self.span.record("http.route", route);
        }
        self.span.record("http.response.status_code", status);
        if status >= 500 {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

/// The `traceparent` header of a call that `span` covers. `None` where traces are not exported, and
/// outside of a request.
pub fn traceparent(span: &Span) -> Option<String> {
    context_of(span).as_ref().map(trace_context::format)
}

fn context_of(span: &Span) -> Option<SpanContext> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then_some(context)
}
