//! Whether a connection is in use, since when not, and when it has been silent for too long.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What a connection is at.
pub(super) struct Activity {
    state: Mutex<State>,
    evicted: Notify,
}

struct State {
    under_way: usize,
    silent_since: Instant,
    awaited: Awaited,
    is_evicted: bool,
}

/// What the client should send next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// The end of a request's headers, whose first byte has come; on a new connection, of the first headers.
    EndOfHeaders,
    /// The first byte of a request.
    Request,
    /// A request, on a connection whose bytes do not say that one has begun: they are frames of HTTP/2, or the rest of a
    /// body that nobody wanted.
    WholeRequest,
}

/// A request that is under way until this is dropped.
pub(super) struct Busy(Arc<Activity>);

/// A body that is read on and dropped until this is.
pub(super) struct Lingering {
    activity: Arc<Activity>,
    awaited: Awaited,
}

impl Activity {
    pub(super) fn new() -> Self {
        let silent_since = Instant::now();
        let state = State { under_way: 0, silent_since, awaited: Awaited::EndOfHeaders, is_evicted: false };
        Self { state: Mutex::new(state), evicted: Notify::new() }
    }

    /// The headers of a request have come.
    pub(super) fn begin(self: &Arc<Self>, is_http_2: bool) -> Busy {
        let mut state = self.state();
        state.under_way += 1;
        state.awaited = if is_http_2 { Awaited::WholeRequest } else { Awaited::Request };
        drop(state);
        Busy(Arc::clone(self))
    }

    /// Since when no request has been under way; `None` when one is, and when the connection is ending anyway.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.under_way == 0 && !state.is_evicted).then_some(state.silent_since)
    }

    /// Ends the connection if no request is under way and it is not ending already. Says whether it does now.
    pub(super) fn evict(&self) -> bool {
        let mut state = self.state();
        let is_idle = state.under_way == 0 && !state.is_evicted;
        state.is_evicted |= is_idle;
        drop(state);
        if is_idle {
            self.evicted.notify_one();
        }
        is_idle
    }

    /// Returns when the connection has to make room for another one.
    pub(super) async fn evicted(&self) {
        while !self.state().is_evicted {
            self.evicted.notified().await;
        }
    }

    /// Returns when the client has let its time pass: `headers` from connecting to the end of the first headers, and from the
    /// first byte of later ones to their end; `idle` from an answer to that first byte, in HTTP/2 to the end of the headers.
    pub(super) async fn too_silent(&self, headers: Duration, idle: Duration) {
        loop {
            let now = Instant::now();
            let next_look = {
                let state = self.state();
                let limit = if state.awaited == Awaited::EndOfHeaders { headers } else { idle };
                let deadline = (state.under_way == 0).then(|| state.silent_since + limit);
                if deadline.is_some_and(|deadline| deadline <= now) {
                    return;
                }
                // Looking this often notices in time when a request has ended or begun since, without being told of each.
                let soon = now + headers.min(idle);
                deadline.map_or(soon, |deadline| deadline.min(soon))
            };
            sleep_until(next_look).await;
        }
    }

    /// Bytes have come.
    fn heard(&self) {
        let mut state = self.state();
        if state.under_way == 0 && state.awaited == Awaited::Request {
            state.awaited = Awaited::EndOfHeaders;
            state.silent_since = Instant::now();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    /// What comes until the result is dropped may be the rest of this request's body, which nobody wanted.
    pub(super) fn linger(&self) -> Lingering {
        let mut state = self.0.state();
        let awaited = std::mem::replace(&mut state.awaited, Awaited::WholeRequest);
        Lingering { activity: Arc::clone(&self.0), awaited }
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        if state.under_way == 0 {
            state.awaited = self.awaited;
            state.silent_since = Instant::now();
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

/// A stream whose bytes are noticed when they come.
pub(super) struct Observed<S> {
    pub inner: S,
    pub activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.heard();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
