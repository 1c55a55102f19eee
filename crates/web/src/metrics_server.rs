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

/// A listener of its own, because metrics are not for the API's clients.
pub struct MetricsServer {
    recorded: MetricsHandle,
    endpoint: BoxEndpoint<'static, Response>,
    address: SocketAddr,
}

impl MetricsServer {
    /// A listener for this address: `GET /metrics`, and 404 for the rest. `observe` runs before
    /// each response and sets gauges.
    pub fn new(
        recorded: MetricsHandle,
        observe: impl Fn() + Send + Sync + 'static,
        address: SocketAddr,
    ) -> Self {
        let rendered = recorded.clone();
        let endpoint = make_sync(move |request: Request| {
            let is_read = [Method::GET, Method::HEAD].contains(request.method());
            if !is_read || request.uri().path() != "/metrics" {
                return Response::builder().status(StatusCode::NOT_FOUND).finish();
            }
            observe();
            Response::builder()
                .header(header::CONTENT_TYPE, TEXT)
                .header(header::CACHE_CONTROL, "no-store")
                .body(rendered.render())
        });
        Self { recorded, endpoint: endpoint.boxed(), address }
    }

    /// Starts to listen. The future that it returns stops the listener and waits until it has
    /// ended.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start(self) -> Result<impl Future<Output = ()>, BindError> {
        let Self { recorded, endpoint, address } = self;
        let config = Config {
            header_timeout: Duration::from_secs(10),
            // Prometheus scrapes once a minute by default.
            keep_alive_timeout: Duration::from_mins(2),
            // Scrapers are few.
            max_connections: 100,
            max_connections_per_network: 100,
            // A scrape in progress may end.
            shutdown_timeout: Duration::from_secs(1),
            ..Config::default()
        };
        let server = Server::bind(address, config).await?;
        tracing::info!("metrics on http://{}/metrics", server.local_addr());
        let (endpoint, finish) = (Arc::new(endpoint), CancellationToken::new());
        let stop = finish.clone();
        // Histograms are drained, so that they do not grow while nothing scrapes them.
        let upkeep = async move {
            let mut ticks = interval(UPKEEP_INTERVAL);
            loop {
                ticks.tick().await;
                recorded.run_upkeep();
            }
        };
        let task = tokio::spawn(async move {
            tokio::select! {
                () = server.serve(|connection| hyper_service(&endpoint, connection), stop) => {}
                () = upkeep => {}
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
