//! The HTTP client that sends spans to the collector. The exporter runs on its own thread; the
//! runtime does the sending.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

use crate::metrics::TRACE_EXPORTS;

/// How long the collector may take per message.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends messages to a collector, and logs once when it becomes unavailable and once when it is
/// available again.
#[derive(Debug)]
pub(crate) struct OtlpHttpClient {
    client: HyperClient<HttpsConnector<HttpConnector>>,
    runtime: Handle,
    is_unavailable: Arc<AtomicBool>,
}

impl OtlpHttpClient {
    /// Verifies collectors with the system's certificates; fails when these cannot be read.
    pub(crate) fn new() -> io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        let client = HyperClient::new(connector, REQUEST_TIMEOUT, None);
        Ok(Self { client, runtime: Handle::current(), is_unavailable: Arc::default() })
    }
}

#[async_trait]
impl HttpClient for OtlpHttpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, is_unavailable) = (self.client.clone(), Arc::clone(&self.is_unavailable));
        let exchange = self.runtime.spawn(async move {
            let result = client.send_bytes(request).await;
            record(&is_unavailable, &result);
            result
        });
        exchange.await?
    }
}

fn record(is_unavailable: &AtomicBool, result: &Result<Response<Bytes>, HttpError>) {
    let problem = match result {
        Ok(response) if response.status().is_success() => None,
        Ok(response) => Some(format!("it answered {}", response.status().as_u16())),
        Err(error) => Some(with_causes(error.as_ref())),
    };
    let outcome = if problem.is_none() { "delivered" } else { "failed" };
    metrics::counter!(TRACE_EXPORTS, "result" => outcome).increment(1);
    let was_unavailable = is_unavailable.swap(problem.is_some(), Ordering::Relaxed);
    match problem {
        Some(reason) if !was_unavailable => {
            tracing::warn!(reason, "the collector takes no traces: they are dropped until it does");
        }
        None if was_unavailable => tracing::info!("the collector takes traces again"),
        _ => {}
    }
}

/// hyper's message alone does not name the cause.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
