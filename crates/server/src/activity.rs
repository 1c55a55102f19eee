//! Whether a connection is in use, since when it has been idle, and when it has been idle for too
//! long.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// The state of one connection, as the client's bytes and requests show it.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    /// What serves the connection, once it does.
    task: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    idle_since: Instant,
    expected: Expected,
    is_evicted: bool,
}

/// What the client should send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// The rest of a request's headers; on a new connection, all of the first headers.
    Headers,
    /// The first byte of a request.
    FirstByte,
    /// A request on HTTP/2, where bytes may also be other frames than the first of a request.
    Request,
}

/// Counts a request as in flight until it and its clones are dropped.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Arc<Activity>);

impl Activity {
    pub(crate) fn new() -> Self {
        let idle_since = Instant::now();
        let state = State { in_flight: 0, idle_since, expected: Expected::Headers, is_evicted: false };
        Self { state: Mutex::new(state), task: OnceLock::new() }
    }

    /// Called when the headers of a request are complete.
    pub(crate) fn begin_request(self: &Arc<Self>, is_http2: bool) -> InFlightGuard {
        let mut state = self.state.lock();
        state.in_flight += 1;
        state.expected = if is_http2 { Expected::Request } else { Expected::FirstByte };
        drop(state);
        InFlightGuard(Arc::clone(self))
    }

    /// Called when bytes have been received.
    pub(crate) fn received(&self) {
        let mut state = self.state.lock();
        if state.in_flight == 0 && state.expected == Expected::FirstByte {
            state.expected = Expected::Headers;
            state.idle_since = Instant::now();
        }
    }

    /// When the last request ended; `None` while one is in flight or the connection is evicted.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.in_flight == 0 && !state.is_evicted).then_some(state.idle_since)
    }

    /// Names the task that [`Self::evict`] aborts, and aborts it if that was called before.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        let task = self.task.get_or_init(|| task);
        if self.state.lock().is_evicted {
            task.abort();
        }
    }

    /// Ends the connection if it is idle. Returns whether this call has ended it.
    pub(crate) fn evict(&self) -> bool {
        let mut state = self.state.lock();
        let is_idle = state.in_flight == 0 && !state.is_evicted;
        state.is_evicted |= is_idle;
        drop(state);
        if is_idle && let Some(task) = self.task.get() {
            task.abort();
        }
        is_idle
    }

    /// Returns once the client has exceeded its time: `headers` from connecting to the end of the
    /// first headers, and from the first byte of later ones to their end; `keep_alive` from a
    /// response to that first byte, on HTTP/2 to the end of the headers.
    pub(crate) async fn idle_timeout(&self, headers: Duration, keep_alive: Duration) {
        loop {
            let now = Instant::now();
            let next_check = {
                let state = self.state.lock();
                let limit = if state.expected == Expected::Headers { headers } else { keep_alive };
                let deadline = (state.in_flight == 0).then(|| state.idle_since + limit);
                if deadline.is_some_and(|deadline| deadline <= now) {
                    return;
                }
                // Frequent enough to notice in time that a request has begun or ended meanwhile,
                // without a wake-up per request.
                let soon = now + headers.min(keep_alive);
                deadline.map_or(soon, |deadline| deadline.min(soon))
            };
            sleep_until(next_check).await;
        }
    }
}

impl Clone for InFlightGuard {
    fn clone(&self) -> Self {
        self.0.state.lock().in_flight += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.idle_since = Instant::now();
        }
    }
}
