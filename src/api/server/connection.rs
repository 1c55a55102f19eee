//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::lent::Returned;
use crate::core::lifecycle::Lifecycle;

/// Requests that a client may have under way at once on a connection of HTTP/2.
const MAX_STREAMS: u32 = 128;

/// The most that the headers of a request may have, in bytes. hyper refuses more by itself, without the body of an error, so it
/// is more than any client sends by mistake.
const MAX_HEADERS: u32 = 256 * 1024;

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
    ) {
        let activity = Arc::new(Activity::new());
        // Requests of HTTP/2 are tasks of their own.
        let service = service_fn({
            let (serving, activity) = (self.clone(), Arc::clone(&activity));
            move |request| serving.clone().answer(request, peer, is_encrypted, activity.begin())
        });
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEADERS as usize);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADERS)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let mut silence = pin!(activity.too_silent(self.header_timeout, self.keep_alive_timeout));
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
        _busy: Busy,
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
        returned.linger();
        if self.lifecycle.is_stopping() && version < Version::HTTP_2 {
            // A proxy that keeps connections must not send the next request into one that is about to close.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.into())
    }
}

/// Whether requests are under way, and since when not.
struct Activity(Mutex<State>);

struct State {
    under_way: usize,
    silent_since: Instant,
    has_asked: bool,
}

/// A request that is under way until this is dropped.
struct Busy(Arc<Activity>);

impl Activity {
    fn new() -> Self {
        Self(Mutex::new(State { under_way: 0, silent_since: Instant::now(), has_asked: false }))
    }

    fn begin(self: &Arc<Self>) -> Busy {
        let mut state = self.state();
        state.under_way += 1;
        state.has_asked = true;
        drop(state);
        Busy(Arc::clone(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the client has let its time pass: to the end of the first headers, or to that of the next ones.
    async fn too_silent(&self, first: Duration, next: Duration) {
        loop {
            let deadline = {
                let state = self.state();
                let limit = if state.has_asked { next } else { first };
                (state.under_way == 0).then(|| state.silent_since + limit)
            };
            match deadline {
                Some(deadline) if deadline <= Instant::now() => return,
                Some(deadline) => sleep_until(deadline).await,
                // The time begins when the request ends; until then there is nothing to wait for.
                None => sleep(next).await,
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.silent_since = Instant::now();
    }
}
