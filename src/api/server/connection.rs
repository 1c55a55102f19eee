//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use poem::Endpoint as _;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Version, header, uri::Scheme};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Busy, Observed};
use super::lent::Returned;
use crate::core::lifecycle::Lifecycle;

/// Requests that a client may have under way at once on a connection of HTTP/2.
const MAX_STREAMS: u32 = 128;

/// The most that the request line and the headers of a request may have, in bytes: what nginx takes by default. A connection whose
/// headers never end holds them in memory. hyper refuses more by itself, with a 431 that has no body.
const MAX_HEADERS: u32 = 32 * 1024;

/// What a client of HTTP/2 may send of one body, and of all bodies of its connection, before anybody reads it, in bytes. The window of
/// a stream is the one it has without being told (RFC 9113, 6.9.2).
const STREAM_WINDOW: u32 = 64 * 1024 - 1;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// How long a connection without a request is listened to when the service ends: one may be on its way already.
const LAST_CALL: Duration = Duration::from_millis(500);

/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);

/// What all connections share.
#[derive(Clone)]
pub(super) struct Serving {
    pub endpoint: Arc<BoxEndpoint<'static, Response>>,
    pub lifecycle: Lifecycle,
    pub header_timeout: Duration,
    pub keep_alive_timeout: Duration,
    /// Cancelled when connections should end after the request they are at.
    pub finish: CancellationToken,
}

impl Serving {
    /// Serves HTTP/1.1, or HTTP/2 to who begins with it, until the connection ends or has been silent for too long.
    pub(super) async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Option<SocketAddr>,
        is_encrypted: bool,
        activity: Arc<Activity>,
    ) {
        // Requests of HTTP/2 are tasks of their own.
        let service = service_fn({
            let (serving, activity) = (self.clone(), Arc::clone(&activity));
            move |request: hyper::Request<Incoming>| {
                let busy = activity.begin(request.version() == Version::HTTP_2);
                serving.clone().answer(request, peer, is_encrypted, busy)
            }
        });
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEADERS as usize);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADERS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        let mut connection = pin!(http.serve_connection(
            TokioIo::new(Observed { inner: stream, activity: Arc::clone(&activity) }),
            service
        ));
        let mut silence = pin!(activity.too_silent(self.header_timeout, self.keep_alive_timeout));
        let mut evicted = pin!(activity.evicted());
        let mut last_call = pin!(async {
            self.finish.cancelled().await;
            // Answers close their connections by now; who has asked need not wait.
            sleep(LAST_CALL).await;
        });
        let mut is_finishing = false;
        loop {
            tokio::select! {
                // What went wrong is the client's affair: it has gone, or has never spoken HTTP.
                _ = connection.as_mut() => return,
                () = silence.as_mut() => return,
                () = evicted.as_mut() => return,
                () = last_call.as_mut(), if !is_finishing => {
                    is_finishing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn answer(
        self,
        request: hyper::Request<Incoming>,
        peer: Option<SocketAddr>,
        is_encrypted: bool,
        busy: Busy,
    ) -> Result<hyper::Response<BoxBody<Bytes, io::Error>>, Infallible> {
        let version = request.version();
        let scheme = if is_encrypted { Scheme::HTTPS } else { Scheme::HTTP };
        // Who comes through a socket comes from this machine.
        let peer = Addr::SocketAddr(peer.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
        let local = LocalAddr(Addr::Custom("server", String::new().into()));
        let (parts, body) = request.into_parts();
        let parts = poem::RequestParts::from((parts, local, RemoteAddr(peer), scheme));
        let returned = Returned::default();
        let body = if body.is_end_stream() {
            poem::Body::empty()
        } else {
            poem::Body::from_bytes_stream(returned.lend(body))
        };
        let mut response = self.endpoint.get_response(poem::Request::from_parts(parts, body)).await;
        returned.linger(&busy);
        if self.lifecycle.is_stopping() && version < Version::HTTP_2 {
            // A proxy that keeps connections must not send the next request into one that is about to close.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.into())
    }
}
