//! The listener that Prometheus scrapes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use groundwork_server::{BindError, Config, Server};
use groundwork_telemetry::{MetricsHandle, UPKEEP_INTERVAL};
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::{Method, StatusCode, header};
use poem::{EndpointExt as _, Request, Response};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::hyper_service::hyper_service;

/// The text format (Prometheus, "Exposition formats").
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Scrapers are few.
const MAX_CONNECTIONS: usize = 100;

/// Time limit of the first request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle time between two scrapes; Prometheus scrapes once a minute by default.
const KEEP_ALIVE: Duration = Duration::from_mins(2);

/// How long a scrape in progress may take when the service stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// `GET /metrics`, and 404 for the rest. `observe` runs before each response and sets gauges.
fn endpoint(
    recorded: MetricsHandle,
    observe: impl Fn() + Send + Sync + 'static,
) -> BoxEndpoint<'static, Response> {
    make_sync(move |request: Request| {
        let is_metrics =
            request.uri().path() == "/metrics" && [Method::GET, Method::HEAD].contains(request.method());
        if !is_metrics {
            return Response::builder().status(StatusCode::NOT_FOUND).finish();
        }
        observe();
        Response::builder()
            .header(header::CONTENT_TYPE, TEXT)
            .header(header::CACHE_CONTROL, "no-store")
            .body(recorded.render())
    })
    .boxed()
}

/// A listener of its own, because metrics are not for the API's clients.
pub struct MetricsServer {
    recorded: MetricsHandle,
    endpoint: BoxEndpoint<'static, Response>,
    address: SocketAddr,
}

impl MetricsServer {
    /// A listener for this address. `observe` runs before each response and sets gauges.
    pub fn new(
        recorded: MetricsHandle,
        observe: impl Fn() + Send + Sync + 'static,
        address: SocketAddr,
    ) -> Self {
        Self { endpoint: endpoint(recorded.clone(), observe), recorded, address }
    }

    /// Starts to listen. The future that it returns stops the listener and waits until it has
    /// ended.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start(self) -> Result<impl Future<Output = ()>, BindError> {
        let Self { recorded, endpoint, address } = self;
        let config = Config {
            header_timeout: HEADER_TIMEOUT,
            keep_alive_timeout: KEEP_ALIVE,
            max_connections: MAX_CONNECTIONS,
            max_connections_per_network: MAX_CONNECTIONS,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            ..Config::default()
        };
        let server = Server::bind(address, config).await?;
        tracing::info!("metrics on http://{}/metrics", server.local_addr());
        let (endpoint, finish) = (Arc::new(endpoint), CancellationToken::new());
        let stop = finish.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = server.serve(|connection| hyper_service(&endpoint, connection), stop) => {}
                () = run_upkeep(recorded) => {}
            }
        });
        Ok(async move {
            finish.cancel();
            if let Err(error) = task.await {
                tracing::warn!(%error, "the listener for metrics ended by itself");
            }
        })
    }
}

/// Drains histograms periodically, so that they do not grow while nothing scrapes them. Never
/// returns.
async fn run_upkeep(recorded: MetricsHandle) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    loop {
        ticks.tick().await;
        recorded.run_upkeep();
    }
}
