//! The listener for Prometheus.

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

use super::server::{ServeError, Server};
use crate::core::lifecycle::Lifecycle;

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

/// The listener for Prometheus, apart from the API's: what it says is nothing for clients.
pub struct MetricsServer {
    recorded: MetricsHandle,
    endpoint: BoxEndpoint<'static, Response>,
    address: SocketAddr,
}

/// The listener at work.
pub struct Running {
    finish: CancellationToken,
    served: JoinHandle<Result<(), ServeError>>,
}

impl MetricsServer {
    /// For this address; see [`endpoint`].
    pub fn new(
        recorded: MetricsHandle,
        observe: impl Fn() + Send + Sync + 'static,
        address: SocketAddr,
    ) -> Self {
        Self { endpoint: endpoint(recorded.clone(), observe), recorded, address }
    }

    /// Listens.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(self) -> Result<Running, ServeError> {
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
                () = keep_up(recorded) => Ok(()),
            }
        });
        if let Ok(bound) = told.await {
            tracing::info!("metrics on http://{bound}/metrics");
            return Ok(Running { finish, served });
        }
        if let Ok(Err(error)) = served.await {
            return Err(error);
        }
        Err(ServeError::Listen(address.to_string(), io::Error::other("the listener ended")))
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
async fn keep_up(recorded: MetricsHandle) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    loop {
        ticks.tick().await;
        recorded.run_upkeep();
    }
}
