//! What a call leaves behind in traces. In a binary of its own, because a span's first use decides
//! for the whole process whether it is enabled.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use bytes::Bytes;
use groundwork_http_client::{Client, Config};
use hyper::Request;
use hyper::header::HeaderValue;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use support::{Names, Reply, Server};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

#[tokio::test]
async fn the_other_service_gets_the_trace_of_the_request() {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let server = Server::start([Reply::status(200)]).await;
    let config = Config::new("test", HeaderValue::from_static("test/1"));
    let client = Client::with_resolver(config, Names::local()).unwrap();
    let request = tracing::info_span!("request");
    let trace = request.context().span().span_context().trace_id().to_string();
    let call = Request::get(server.url("a.example", "/")).body(Bytes::new()).unwrap();
    client.send(call).instrument(request).await.unwrap();
    let received = server.requests();
    let value = received[0].header("traceparent").unwrap();
    assert!(value.starts_with(&format!("00-{trace}-")), "{value}");
}
