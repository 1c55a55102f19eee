//! The listener that Prometheus scrapes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use groundwork_telemetry::{MetricsHandle, UPKEEP_INTERVAL};
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::{Method, StatusCode, header};
use poem::{EndpointExt as _, Request, Response};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::api::server::{ServeError, Server};
use crate::core::lifecycle::Lifecycle;

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

/// A listener of its own, because metrics are not for the API's clients.
pub struct MetricsServer {
    recorded: MetricsHandle,
    endpoint: BoxEndpoint<'static, Response>,
    address: SocketAddr,
}

/// A running listener.
pub struct RunningMetricsServer {
    finish: CancellationToken,
    served: JoinHandle<Result<(), ServeError>>,
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

    /// Starts to listen.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start(self) -> Result<RunningMetricsServer, ServeError> {
        let Self { recorded, endpoint, address } = self;
        let listener = Server {
            header_timeout: HEADER_TIMEOUT,
            keep_alive_timeout: KEEP_ALIVE,
            max_connections: MAX_CONNECTIONS,
            max_connections_per_ip: MAX_CONNECTIONS,
            trusted_proxies: Vec::new(),
            drain: Duration::ZERO,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            tls: None,
            unix_socket: None,
            is_measured: false,
        };
        let (tell, told) = oneshot::channel();
        let finish = CancellationToken::new();
        let stop = finish.clone().cancelled_owned();
        let listening = move |bound| {
            let _ = tell.send(bound);
        };
        let served = tokio::spawn(async move {
            let serving = listener.serve(endpoint, address, listening, Lifecycle::default(), stop);
            tokio::select! {
                served = serving => served,
                () = run_upkeep(recorded) => Ok(()),
            }
        });
        if let Ok(bound) = told.await {
            tracing::info!("metrics on http://{bound}/metrics");
            return Ok(RunningMetricsServer { finish, served });
        }
        if let Ok(Err(error)) = served.await {
            return Err(error);
        }
        Err(ServeError::Listen(address.to_string(), io::Error::other("the listener ended")))
    }
}

impl RunningMetricsServer {
    /// Stops the listener and waits until it has ended.
    pub async fn stop(self) {
        self.finish.cancel();
        if let Err(error) = self.served.await {
            tracing::warn!(%error, "the listener for metrics ended by itself");
        }
    }
}

/// Drains histograms periodically, so that they do not grow while nothing scrapes them. Never returns.
async fn run_upkeep(recorded: MetricsHandle) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    loop {
        ticks.tick().await;
        recorded.run_upkeep();
    }
}
