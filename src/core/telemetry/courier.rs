//! Carries spans to their collector. The exporter runs on a thread of its own; the sending is done by the runtime.

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

use super::metrics::TRACE_EXPORTS;

/// How long a collector may take for one message.
const LIMIT: Duration = Duration::from_secs(5);

/// The most that is read of its answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

type Sending = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send>>;

/// Sends messages to a collector, and says once when it goes away and once when it is back.
#[derive(Debug)]
pub(super) struct Courier {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    is_away: Arc<AtomicBool>,
}

impl Courier {
    /// # Errors
    /// When the system's certificates cannot be read.
    pub(super) fn new() -> io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, runtime: Handle::current(), is_away: Arc::default() })
    }
}

/// What `#[async_trait]` makes of the method, written out.
impl HttpClient for Courier {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let (client, is_away) = (self.client.clone(), Arc::clone(&self.is_away));
        let sending = self.runtime.spawn(async move {
            let answer: Result<_, HttpError> = match timeout(LIMIT, send(client, request)).await {
                Ok(answer) => answer,
                Err(elapsed) => Err(elapsed.into()),
            };
            note(&is_away, &answer);
            answer
        });
        let sent: Sending = Box::pin(async move { sending.await? });
        sent
    }
}

async fn send(
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
    Ok(Response::from_parts(parts, body))
}

fn note(is_away: &AtomicBool, answer: &Result<Response<Bytes>, HttpError>) {
    let problem = match answer {
        Ok(answer) if answer.status().is_success() => None,
        Ok(answer) => Some(format!("it answered {}", answer.status().as_u16())),
        Err(error) => Some(reasons(error.as_ref())),
    };
    let result = if problem.is_none() { "delivered" } else { "failed" };
    metrics::counter!(TRACE_EXPORTS, "result" => result).increment(1);
    let was_away = is_away.swap(problem.is_some(), Ordering::Relaxed);
    match problem {
        Some(reason) if !was_away => {
            tracing::warn!(reason, "the collector takes no traces: they are dropped until it does");
        }
        None if was_away => tracing::info!("the collector takes traces again"),
        _ => {}
    }
}

/// hyper's own words say little without their cause.
fn reasons(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
