//! The server under the routes: who may connect, for how long, and how it all ends.
//!
//! poem's own server has no limit on connections and none on the time that headers may take, and spins when descriptors run
//! out. This one accepts by itself and leaves each connection to hyper.

mod activity;
mod connection;
mod doors;
mod lent;
mod limits;
mod tls;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::core::lifecycle::Lifecycle;
use activity::Activity;
use connection::Serving;
use doors::{Door, Visitor};
use limits::{Guest, Limits, Meters};
pub use tls::{TlsError, TlsFiles};

/// After a connection could not be accepted, as when descriptors have run out: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How the server treats connections.
#[derive(Clone, Debug)]
pub struct Server {
    /// From connecting to the end of the first request's headers, TLS included, and from the first byte of later ones.
    pub header_timeout: Duration,
    /// From one answer to the first byte of the next request, in HTTP/2 to the end of its headers.
    pub keep_alive_timeout: Duration,
    /// Open at once; for more, idle ones are closed.
    pub max_connections: usize,
    /// Open at once from one IPv4 address or IPv6 /64; more are closed.
    pub max_connections_per_ip: usize,
    /// Proxies, for which there is no limit for an address: they bring everybody.
    pub trusted_proxies: Vec<IpNet>,
    /// How long readiness says that the service stops before it does.
    pub drain: Duration,
    /// How long requests under way may go on after that.
    pub shutdown_timeout: Duration,
    /// The certificate and key of TLS, if it is spoken.
    pub tls: Option<TlsFiles>,
    /// A socket to listen on beside the address.
    pub unix_socket: Option<PathBuf>,
    /// Whether its connections are those that metrics tell of.
    pub is_measured: bool,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(String, #[source] io::Error),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Server {
    /// Serves until `stop` is done, and then until the requests in flight are, or their time has passed. `listening`
    /// learns the address: with port 0 it is known only now.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(
        self,
        endpoint: BoxEndpoint<'static, Response>,
        address: SocketAddr,
        listening: impl FnOnce(SocketAddr),
        lifecycle: Lifecycle,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let tls = self.tls.as_ref().map(tls::Acceptor::new).transpose()?;
        let tcp = Door::tcp(address).await.map_err(|error| ServeError::Listen(address.to_string(), error))?;
        let unix = self
            .unix_socket
            .as_deref()
            .map(Door::unix)
            .transpose()
            .map_err(|(path, error)| ServeError::Listen(path.display().to_string(), error))?;
        listening(tcp.address().unwrap_or(address));

        let serving = Serving {
            endpoint: Arc::new(endpoint),
            lifecycle: lifecycle.clone(),
            header_timeout: self.header_timeout,
            keep_alive_timeout: self.keep_alive_timeout,
            finish: CancellationToken::new(),
        };
        let limits = Limits::new(
            self.max_connections,
            self.max_connections_per_ip,
            self.trusted_proxies.clone(),
            self.is_measured.then(Meters::new),
        );
        let mut connections = JoinSet::new();
        let accepting = async {
            loop {
                let accepted = tokio::select! {
                    accepted = tcp.accept() => accepted,
                    accepted = accept_if(unix.as_ref()) => accepted,
                    // Keeps the set small: what has ended leaves it.
                    Some(_) = connections.join_next() => continue,
                };
                match accepted {
                    Ok(visitor) => {
                        if let Some(guest) = limits.admit(visitor.ip()).await {
                            connections.spawn(welcome(visitor, guest, serving.clone(), tls.clone()));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot accept a connection"
                        );
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        let stopping = async {
            stop.await;
            lifecycle.begin_to_stop();
            sleep(self.drain).await;
        };
        tokio::select! {
            () = accepting => {}
            () = stopping => {}
        }

        // Closing the doors would reset who stands before them already.
        for visitor in tcp.waiting().into_iter().chain(unix.iter().flat_map(Door::waiting)) {
            if let Some(guest) = limits.try_admit(visitor.ip()) {
                connections.spawn(welcome(visitor, guest, serving.clone(), tls.clone()));
            }
        }
        drop((tcp, unix));
        serving.finish.cancel();
        let finished = async { while connections.join_next().await.is_some() {} };
        if timeout(self.shutdown_timeout, finished).await.is_err() {
            tracing::warn!(connections = connections.len(), "requests took longer than SHUTDOWN_TIMEOUT");
            connections.shutdown().await;
        }
        Ok(())
    }
}

/// The next visitor at a door that may not be there.
async fn accept_if(door: Option<&Door>) -> io::Result<Visitor> {
    match door {
        Some(door) => door.accept().await,
        None => std::future::pending().await,
    }
}

/// Serves a visitor, who is counted as a guest meanwhile.
async fn welcome(visitor: Visitor, guest: Guest, serving: Serving, tls: Option<tls::Acceptor>) {
    let activity = Arc::clone(&guest.activity);
    match (visitor, tls) {
        (Visitor::Tcp(stream, peer), None) => serving.serve(stream, Some(peer), false, activity).await,
        // By itself, because it is several times as large, and every connection would have the room for it.
        (Visitor::Tcp(stream, peer), Some(tls)) => {
            Box::pin(welcome_with_tls(stream, peer, serving, tls, activity)).await;
        }
        (Visitor::Unix(stream), _) => serving.serve(stream, None, false, activity).await,
    }
}

async fn welcome_with_tls(
    stream: TcpStream,
    peer: SocketAddr,
    serving: Serving,
    tls: tls::Acceptor,
    activity: Arc<Activity>,
) {
    let handshake = tokio::select! {
        handshake = timeout(serving.header_timeout, tls.accept(stream)) => handshake,
        () = activity.evicted() => return,
    };
    // Scanners and broken clients: nothing that the service should complain about.
    if let Ok(Ok(stream)) = handshake {
        serving.serve(stream, Some(peer), true, activity).await;
    }
}

impl Visitor {
    /// Where a visitor comes from; through a socket, from this machine.
    fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, peer) => Some(peer.ip().to_canonical()),
            Self::Unix(_) => None,
        }
    }
}
