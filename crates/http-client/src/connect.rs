//! From a URL to a connection: one resolution, a check of its addresses, and dialling only those
//! that have passed.

use std::error::Error as StdError;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use crate::address::Destinations;

/// The most addresses of a host that are looked at.
const MAX_ADDRESSES: usize = 16;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The addresses of a host.
pub type Resolution = BoxFuture<io::Result<Vec<IpAddr>>>;

/// Finds the addresses of a host.
pub trait Resolve: Send + Sync + 'static {
    /// `host` is a name, or an address in any spelling.
    fn resolve(&self, host: String) -> Resolution;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: String) -> Resolution {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL has another scheme than http and https, user information, or no host.
    #[error("the URL cannot be called")]
    Url,
    /// The host has no address.
    #[error("the host cannot be resolved")]
    Resolve(#[source] io::Error),
    /// The host has addresses, but none that the client may dial.
    #[error("the host has no address that may be called")]
    Refused,
    /// No address accepts a connection.
    #[error("the host does not accept a connection")]
    Dial(#[source] io::Error),
    /// The limit for connecting has passed.
    #[error("connecting took too long")]
    Timeout,
}

/// Resolves, checks and dials, without TLS.
#[derive(Clone)]
pub(crate) struct GuardedConnector {
    resolver: Arc<dyn Resolve>,
    destinations: Arc<Destinations>,
    limit: Duration,
}

impl fmt::Debug for GuardedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedConnector").field("destinations", &self.destinations).finish_non_exhaustive()
    }
}

impl GuardedConnector {
    pub(crate) fn new(resolver: Arc<dyn Resolve>, destinations: Destinations, limit: Duration) -> Self {
        Self { resolver, destinations: Arc::new(destinations), limit }
    }

    /// The addresses of the URL's host that may be dialled; at least one.
    pub(crate) async fn resolve(&self, url: &Uri) -> Result<Vec<SocketAddr>, ConnectError> {
        let (host, port) = host_and_port(url).ok_or(ConnectError::Url)?;
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => timeout(self.limit, self.resolver.resolve(host.to_owned()))
                .await
                .map_err(|_| ConnectError::Timeout)?
                .map_err(ConnectError::Resolve)?,
        };
        if found.is_empty() {
            return Err(ConnectError::Resolve(io::ErrorKind::NotFound.into()));
        }
        let permitted =
            found.into_iter().take(MAX_ADDRESSES).filter(|address| self.destinations.permits(*address));
        let permitted: Vec<_> = permitted.map(|address| SocketAddr::new(address, port)).collect();
        if permitted.is_empty() { Err(ConnectError::Refused) } else { Ok(permitted) }
    }

    /// Dials the addresses in their order. Each gets an equal share of the time that is left, so
    /// that one that does not answer leaves time for the next.
    async fn connect(self, url: Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
        let deadline = Instant::now() + self.limit;
        let addresses = self.resolve(&url).await?;
        let mut last = ConnectError::Timeout;
        for (index, address) in (0_u32..).zip(&addresses) {
            let untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX) - index;
            let share = deadline.saturating_duration_since(Instant::now()) / untried;
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Without it, a small request may wait for an acknowledgement.
                    stream.set_nodelay(true).map_err(ConnectError::Dial)?;
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(error)) => last = ConnectError::Dial(error),
                Err(_) => last = ConnectError::Timeout,
            }
        }
        Err(last)
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        Box::pin(self.clone().connect(url))
    }
}

/// Host without the brackets of an IPv6 address, and port.
fn host_and_port(url: &Uri) -> Option<(&str, u16)> {
    let default = match url.scheme_str()? {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = url.authority()?;
    let host = authority.host();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let has_user = authority.as_str().contains('@');
    (!has_user && !host.is_empty()).then(|| (host, url.port_u16().unwrap_or(default)))
}

/// A [`GuardedConnector`], TLS where the URL says https, and one time limit for both.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    inner: HttpsConnector<GuardedConnector>,
    limit: Duration,
}

impl Connector {
    pub(crate) fn new(guarded: GuardedConnector, tls: rustls::ClientConfig) -> Self {
        let limit = guarded.limit;
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        Self { inner: builder.wrap_connector(guarded), limit }
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<GuardedConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let deadline = Instant::now() + self.limit;
        let connection = self.inner.call(url);
        Box::pin(async move {
            timeout_at(deadline, connection).await.unwrap_or_else(|_| Err(ConnectError::Timeout.into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_host_and_port() {
        for (url, expected) in [
            ("http://a.example/x", Some(("a.example", 80))),
            ("https://a.example", Some(("a.example", 443))),
            ("https://[::1]:8443/", Some(("::1", 8443))),
            ("http://user:password@a.example/", None),
            ("ftp://a.example/", None),
            ("/path", None),
        ] {
            assert_eq!(host_and_port(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn an_odd_spelling_of_a_private_address_is_refused() {
        let guarded =
            GuardedConnector::new(Arc::new(SystemResolver), Destinations::public(), Duration::from_secs(5));
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "169.254.169.254",
            "0xa9fea9fe",
        ] {
            let result = guarded.resolve(&format!("http://{host}/").parse().unwrap()).await;
            // A resolver may also not know the spelling.
            assert!(
                matches!(result, Err(ConnectError::Refused | ConnectError::Resolve(_))),
                "{host}: {result:?}"
            );
        }
    }
}
