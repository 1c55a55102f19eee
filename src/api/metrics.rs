//! The listener for Prometheus.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::{Method, StatusCode, header};
use poem::{EndpointExt as _, Request, Response};
use tokio::task::JoinHandle;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::hyper_service;
use super::server::{BindError, Config, Server};
use crate::core::telemetry::metrics::{Recorded, UPKEEP};

/// The text format (Prometheus, "Exposition formats").
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Collectors are few.
const MAX_CONNECTIONS: usize = 100;

/// How long one may be silent at the start.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one may be silent between two questions; Prometheus asks once a minute by default.
const KEEP_ALIVE: Duration = Duration::from_mins(2);

/// How long an answer under way may take when the service ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// `GET /metrics`, and 404 for the rest. `observe` is called before each answer, for what is looked at instead of counted.
fn endpoint(
    recorded: Recorded,
    observe: impl Fn() + Send + Sync + 'static,
) -> BoxEndpoint<'static, Response> {
    make_sync(move |request: Request| {
        let is_asked =
            request.uri().path() == "/metrics" && [Method::GET, Method::HEAD].contains(request.method());
        if !is_asked {
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

/// The listener for Prometheus, apart from the API's: what it says is nothing for clients.
pub struct MetricsServer {
    recorded: Recorded,
    endpoint: BoxEndpoint<'static, Response>,
    address: SocketAddr,
}

/// The listener at work.
pub struct Running {
    finish: CancellationToken,
    served: JoinHandle<()>,
}

impl MetricsServer {
    /// For this address; see [`endpoint`].
    pub fn new(recorded: Recorded, observe: impl Fn() + Send + Sync + 'static, address: SocketAddr) -> Self {
        Self { endpoint: endpoint(recorded.clone(), observe), recorded, address }
    }

    /// Listens.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(self) -> Result<Running, BindError> {
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
        let served = tokio::spawn(async move {
            tokio::select! {
                () = server.serve(|connection| hyper_service(&endpoint, connection), stop) => {}
                () = keep_up(recorded) => {}
            }
        });
        Ok(Running { finish, served })
    }
}

impl Running {
    /// Ends it.
    pub async fn stop(self) {
        self.finish.cancel();
        if let Err(error) = self.served.await {
            tracing::warn!(%error, "the listener for metrics ended by itself");
        }
    }
}

/// Keeps what was measured small while nobody asks; never returns.
async fn keep_up(recorded: Recorded) {
    let mut ticks = interval(UPKEEP);
    loop {
        ticks.tick().await;
        recorded.keep_up();
    }
}
