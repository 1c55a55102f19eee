//! What a call leaves behind in metrics.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use bytes::Bytes;
use groundwork_http_client::{Client, Config, METRICS};
use hyper::Request;
use hyper::header::HeaderValue;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use support::{Names, Reply, Server};

/// The values above zero, as `name{label,label}`.
fn recorded(snapshotter: &Snapshotter) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let (_, key) = key.into_parts();
        assert!(METRICS.iter().any(|(name, ..)| *name == key.name()), "{} is not declared", key.name());
        let labels: Vec<_> = key.labels().map(|label| label.value().to_owned()).collect();
        let value = match value {
            DebugValue::Counter(value) => value,
            DebugValue::Gauge(value) => value.to_bits().min(1),
            DebugValue::Histogram(values) => values.len() as u64,
        };
        if value > 0 {
            found.push((format!("{}{{{}}}", key.name(), labels.join(",")), value));
        }
    }
    found.sort();
    found
}

async fn get(client: &Client, server: &Server) {
    let request = Request::get(server.url("a.example", "/")).body(Bytes::new()).unwrap();
    client.send(request).await.ok();
}

#[tokio::test]
async fn calls_are_counted_by_target_and_outcome() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let server = Server::start([Reply::status(503), Reply::status(200), Reply::status(503)]).await;
    let mut config = Config::new("test", HeaderValue::from_static("test/1"));
    config.circuit.failures = 2;
    let client = Client::with_resolver(config, Names::local()).unwrap();
    get(&client, &server).await;
    // Two failures open the circuit before the third attempt.
    get(&client, &server).await;
    get(&client, &server).await;
    let expected = [
        ("http_client_call_seconds{test}", 3),
        ("http_client_calls_total{test,2xx}", 1),
        ("http_client_calls_total{test,circuit_open}", 2),
        ("http_client_open_circuits{test}", 1),
        ("http_client_retries_total{test}", 3),
    ];
    assert_eq!(recorded(&snapshotter), expected.map(|(name, value)| (name.to_owned(), value)));
}
