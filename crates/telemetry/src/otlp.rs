//! The HTTP client that sends spans to the collector. The exporter runs on its own thread; the
//! runtime does the sending.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::metrics::TRACE_EXPORTS;

/// How long the collector may take per message.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest response body that is read, in bytes.
const MAX_RESPONSE: usize = 64 * 1024;

type SendFuture<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

/// Sends messages to a collector, and logs once when it becomes unavailable and once when it is
/// available again.
#[derive(Debug)]
pub(crate) struct OtlpHttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
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
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, runtime: Handle::current(), is_unavailable: Arc::default() })
    }
}

/// The method as `#[async_trait]` expands it.
impl HttpClient for OtlpHttpClient {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> SendFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let (client, is_unavailable) = (self.client.clone(), Arc::clone(&self.is_unavailable));
        let send = async move {
            let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_RESPONSE).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        let exchange = self.runtime.spawn(async move {
            let result = timeout(REQUEST_TIMEOUT, send).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
            record(&is_unavailable, &result);
            result
        });
        Box::pin(async move { exchange.await? })
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
