//! Binding, accepting, and graceful shutdown.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Body;
use hyper::service::Service;
use hyper::{Request, Response};
use ipnet::IpNet;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::body::RequestBody;
use crate::connection::{ConnectionContext, ConnectionInfo};
use crate::limits::{ConnectionLimiter, ConnectionPermit};
use crate::listener::{Accepted, Listeners};
use crate::tls::{ReloadingTlsAcceptor, TlsError, TlsFiles};

/// Pause after a failed accept, as when file descriptors have run out: an immediate retry would
/// spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long an idle connection stays open after draining: a request may be on its way already.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);

/// How the server treats connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// From accepting a connection to the end of its first request's headers, TLS handshake
    /// included, and from the first byte of a later request to the end of its headers.
    pub header_timeout: Duration,
    /// From a response to the first byte of the next request; on HTTP/2 to the end of its headers.
    pub keep_alive_timeout: Duration,
    /// Connections open at once. For more, idle ones are closed; while none is idle, new ones wait.
    pub max_connections: usize,
    /// Connections open at once from one [`ClientNetwork`](crate::client::ClientNetwork). More are
    /// closed at once.
    pub max_connections_per_network: usize,
    /// Proxies. The limit per network does not apply to them, since they connect for many clients.
    pub trusted_proxies: Vec<IpNet>,
    /// How long the server still accepts connections after shutdown has begun, so that a load
    /// balancer can take it out of rotation.
    pub drain_timeout: Duration,
    /// How long requests in flight may take after that.
    pub shutdown_timeout: Duration,
    /// Serves TLS on the TCP port.
    pub tls: Option<TlsFiles>,
    /// Path of a unix socket to listen on as well. It has mode 660 and is removed at the end.
    pub unix_socket: Option<PathBuf>,
    /// Whether the server records [`METRICS`](crate::METRICS). Of several servers in a process, one
    /// should.
    pub has_metrics: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            max_connections: 10_000,
            max_connections_per_network: 2_000,
            trusted_proxies: Vec::new(),
            drain_timeout: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(30),
            tls: None,
            unix_socket: None,
            has_metrics: false,
        }
    }
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address or path, and why it cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(String, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server whose sockets are bound: clients can connect and wait for [`Self::serve`].
pub struct Server {
    config: Config,
    local_addr: SocketAddr,
    listeners: Listeners,
    tls: Option<ReloadingTlsAcceptor>,
}

impl Server {
    /// Reads the certificate and binds the sockets. Port 0 lets the system choose one.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(address: SocketAddr, config: Config) -> Result<Self, BindError> {
        let tls = config.tls.clone().map(ReloadingTlsAcceptor::new).transpose()?;
        let (listeners, local_addr) = Listeners::bind(address, config.unix_socket.as_deref()).await?;
        Ok(Self { config, local_addr, listeners, tls })
    }

    /// The bound TCP address.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves each connection with the service that `make_service` returns for it, until `shutdown`
    /// is cancelled and the requests in flight have ended or exceeded their time.
    ///
    /// The order at the end: for `drain_timeout` all is served, and HTTP/1.1 responses close their
    /// connections. Then the server accepts what is in the backlog and stops listening. After
    /// another half second idle connections end, and within `shutdown_timeout` the others do.
    pub async fn serve<M, S, B>(self, make_service: M, shutdown: CancellationToken)
    where
        M: Fn(ConnectionInfo) -> S,
        S: Service<Request<RequestBody>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let Self { config, listeners, tls, .. } = self;
        let limiter = ConnectionLimiter::new(&config);
        let context = ConnectionContext {
            header_timeout: config.header_timeout,
            keep_alive_timeout: config.keep_alive_timeout,
            tls,
            is_draining: Arc::new(AtomicBool::new(false)),
            finish: CancellationToken::new(),
        };
        let serve = |connections: &mut JoinSet<()>, accepted: Accepted, permit: ConnectionPermit| {
            let (peer, activity) = (accepted.peer, Arc::clone(&permit.activity));
            let is_tls = peer.is_some() && context.tls.is_some();
            let service = make_service(ConnectionInfo { peer, is_tls });
            activity.set_task(connections.spawn(context.clone().serve(accepted, service, permit)));
        };

        let mut connections = JoinSet::new();
        let accepting = async {
            loop {
                let accepted = tokio::select! {
                    accepted = listeners.accept() => accepted,
                    // Removes finished tasks from the set.
                    Some(_) = connections.join_next() => continue,
                };
                match accepted {
                    Ok(accepted) => {
                        if let Some(permit) = limiter.acquire(accepted.peer.map(|peer| peer.ip())).await {
                            serve(&mut connections, accepted, permit);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn Error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        let draining = async {
            shutdown.cancelled().await;
            context.is_draining.store(true, Ordering::Relaxed);
            sleep(config.drain_timeout).await;
        };
        tokio::select! {
            () = accepting => {}
            () = draining => {}
        }

        for accepted in listeners.drain_backlog() {
            if let Some(permit) = limiter.try_acquire(accepted.peer.map(|peer| peer.ip())) {
                serve(&mut connections, accepted, permit);
            }
        }
        let finishing = async {
            if timeout(SHUTDOWN_GRACE, join_all(&mut connections)).await.is_err() {
                context.finish.cancel();
                join_all(&mut connections).await;
            }
        };
        if timeout(config.shutdown_timeout, finishing).await.is_err() {
            tracing::warn!(connections = connections.len(), "requests took longer than the shutdown timeout");
            connections.shutdown().await;
        }
    }
}

async fn join_all(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}
