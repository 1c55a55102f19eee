//! Generations of connections. A demoted server takes no writes on connections that were opened
//! before, and none of them leads to its successor.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// The generations of a pool's connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Generations(Arc<State>);

#[derive(Debug, Default)]
struct State {
    current: AtomicU64,
    /// How often connections were cut.
    cuts: AtomicU64,
    ended: Notify,
    /// The tasks that move each connection's messages.
    drivers: Mutex<Vec<AbortHandle>>,
}

/// The generation of one connection.
#[derive(Debug)]
pub(super) struct Generation {
    all: Generations,
    own: u64,
    cuts: u64,
}

impl Generations {
    /// The current generation. Take it before opening a connection: a failover found out meanwhile
    /// may concern it too.
    pub(super) fn current(&self) -> Generation {
        let cuts = self.0.cuts.load(Ordering::Acquire);
        Generation { all: self.clone(), own: self.0.current.load(Ordering::Acquire), cuts }
    }

    /// Ends the current generation and cuts its connections: a hung server would never answer.
    pub(super) fn cut(&self) {
        self.0.cuts.fetch_add(1, Ordering::AcqRel);
        self.0.current.fetch_add(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
        let drivers = std::mem::take(&mut *self.0.drivers.lock().unwrap_or_else(PoisonError::into_inner));
        drivers.iter().for_each(AbortHandle::abort);
    }
}

impl Generation {
    /// Adds a connection, by the task that moves its messages, so that a cut aborts it.
    pub(super) fn register(&self, driver: AbortHandle) {
        let mut drivers = self.all.0.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        // A generation that has ended without a cut keeps the connection: its pool does not use it
        // again, and whoever opened it sees no error.
        if self.all.0.cuts.load(Ordering::Acquire) != self.cuts {
            return driver.abort();
        }
        drivers.retain(|driver| !driver.is_finished());
        drivers.push(driver);
    }

    /// Whether no later one has begun.
    pub(super) fn is_current(&self) -> bool {
        self.all.0.current.load(Ordering::Acquire) == self.own
    }

    /// Ends this generation, so that its connections are not used again. Returns whether this call
    /// did.
    pub(super) fn end(&self) -> bool {
        // Several callers may find out at once; connections opened since then stay.
        let next = self.own + 1;
        let current = &self.all.0.current;
        let has_ended = current.compare_exchange(self.own, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if has_ended {
            self.all.0.ended.notify_waiters();
        }
        has_ended
    }

    /// Completes when a later one has begun.
    pub(super) async fn ended(&self) {
        loop {
            let ended = self.all.0.ended.notified();
            // Subscribed before the check, so that no end is missed.
            if !self.is_current() {
                return;
            }
            ended.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_generation_ends_once_and_leaves_later_connections_alone() {
        let generations = Generations::default();
        let (one, two) = (generations.current(), generations.current());
        assert!(one.is_current() && two.is_current());
        assert!(one.end());
        assert!(!one.is_current() && !two.is_current());
        let three = generations.current();
        assert!(!two.end());
        assert!(three.is_current(), "it was opened after the first one was refused");
    }

    #[tokio::test]
    async fn an_end_is_told_to_those_who_wait_and_cuts_no_connection_that_is_being_opened() {
        let generations = Generations::default();
        let (one, opening) = (generations.current(), generations.current());
        assert!(one.ended().now_or_never().is_none());
        let waiting = one.ended();
        tokio::pin!(waiting);
        assert!((&mut waiting).now_or_never().is_none());
        assert!(opening.end());
        waiting.await;
        let driver = tokio::spawn(std::future::pending::<()>());
        opening.register(driver.abort_handle());
        tokio::task::yield_now().await;
        assert!(!driver.is_finished() && !opening.is_current());
    }

    #[tokio::test]
    async fn what_is_under_way_is_cut_and_later_connections_are_left_alone() {
        let generations = Generations::default();
        let hang = || tokio::spawn(std::future::pending::<()>());
        let (old, early) = (hang(), generations.current());
        early.register(old.abort_handle());
        generations.cut();
        assert!(old.await.unwrap_err().is_cancelled());
        let (late, new) = (hang(), hang());
        early.register(late.abort_handle());
        generations.current().register(new.abort_handle());
        assert!(late.await.unwrap_err().is_cancelled(), "it was being opened meanwhile");
        tokio::task::yield_now().await;
        assert!(!new.is_finished());
        generations.cut();
        assert!(new.await.unwrap_err().is_cancelled());
    }
}
