//! One connection, from its first byte to its end.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::time::timeout;
use tokio_util::either::Either;
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;

use crate::body::RequestBody;
use crate::limits::ConnectionPermit;
use crate::listener::Accepted;
use crate::tls::ReloadingTlsAcceptor;

/// Requests in flight at once on an HTTP/2 connection.
const MAX_CONCURRENT_STREAMS: u32 = 128;

/// Size of a request line with its headers, in bytes: nginx's default. A connection whose headers
/// never end holds them in memory. hyper refuses more with a 431 that has no body.
const MAX_HEADER_SIZE: u32 = 32 * 1024;

/// Unread bytes of one HTTP/2 body, and of all bodies of a connection. The window of a stream is
/// the protocol's initial one (RFC 9113, 6.9.2).
const STREAM_WINDOW: u32 = 64 * 1024 - 1;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// How often an HTTP/2 client is pinged, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Where the requests of a connection come from.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionInfo {
    /// The client, or the proxy in front of it; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// Whether this server terminates TLS on the connection.
    pub is_tls: bool,
}

/// What all connections share.
#[derive(Clone)]
pub(crate) struct ConnectionContext {
    pub header_timeout: Duration,
    pub keep_alive_timeout: Duration,
    pub tls: Option<ReloadingTlsAcceptor>,
    /// Set when HTTP/1.1 responses should close their connections.
    pub is_draining: Arc<AtomicBool>,
    /// Cancelled when connections should end after their requests in flight.
    pub finish: CancellationToken,
}

impl ConnectionContext {
    /// Serves a connection until its end, holding `permit` meanwhile: HTTP/1.1, or HTTP/2 to a
    /// client that begins with its preface.
    pub(crate) async fn serve<S, B>(self, accepted: Accepted, service: S, permit: ConnectionPermit)
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let activity = &permit.activity;
        let stream = match (accepted.stream, &self.tls) {
            (Either::Left(tcp), Some(tls)) => {
                // Both are boxed: they are several times as large as the rest of the connection,
                // and one without TLS would reserve their memory.
                let handshake = Box::pin(timeout(self.header_timeout, tls.accept(tcp)));
                // Failures are not logged: port scanners cause many.
                let Ok(Ok(stream)) = handshake.await else { return };
                Either::Right(Box::new(stream))
            }
            (stream, _) => Either::Left(stream),
        };
        let (requests, is_draining) = (Arc::clone(activity), Arc::clone(&self.is_draining));
        let service = service_fn(move |request: Request<Incoming>| {
            let version = request.version();
            let in_flight = requests.begin_request(version == Version::HTTP_2);
            let response =
                service.call(request.map(|incoming| RequestBody::new(incoming, in_flight.clone())));
            let is_draining = Arc::clone(&is_draining);
            async move {
                let mut response = response.await?;
                drop(in_flight);
                if version < Version::HTTP_2 && is_draining.load(Ordering::Relaxed) {
                    // A proxy must not send its next request on a connection about to close.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, S::Error>(response)
            }
        });
        let reads = Arc::clone(activity);
        let stream = InspectReader::new(stream, move |bytes: &[u8]| {
            if !bytes.is_empty() {
                reads.received();
            }
        });
        let http = builder();
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let mut idle_timeout = pin!(activity.idle_timeout(self.header_timeout, self.keep_alive_timeout));
        let mut finish = pin!(self.finish.cancelled());
        let mut is_finishing = false;
        loop {
            tokio::select! {
                // In this order: bytes that have arrived count before the timeout, however late an
                // overloaded machine runs this task.
                biased;
                // An error is the client's: it has disconnected, or does not speak HTTP.
                _ = connection.as_mut() => return,
                () = idle_timeout.as_mut() => return,
                () = finish.as_mut(), if !is_finishing => {
                    is_finishing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // hyper's timeout for headers covers neither HTTP/2 nor a connection without a first byte;
    // `Activity::idle_timeout` covers all of them.
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEADER_SIZE as usize);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_header_list_size(MAX_HEADER_SIZE)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL);
    http
}
