//! Which connections of a pool may still be used. A server that was demoted takes no writes on any of those that were
//! opened before, and none of them leads to the server that took its place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// The generation that connections are opened in now.
#[derive(Clone, Debug, Default)]
pub(super) struct Generations(Arc<State>);

#[derive(Debug, Default)]
struct State {
    current: AtomicU64,
    /// What moves the messages of each connection.
    drivers: Mutex<Vec<AbortHandle>>,
}

/// The generation of one connection.
#[derive(Debug)]
pub(super) struct Generation {
    all: Generations,
    own: u64,
}

impl Generations {
    /// To be taken before a connection is opened: what is found out meanwhile may hold for it too.
    pub(super) fn current(&self) -> Generation {
        Generation { all: self.clone(), own: self.0.current.load(Ordering::Acquire) }
    }

    /// Ends the current generation, and what is under way in it: from a server that hangs no answer comes.
    pub(super) fn cut(&self) {
        self.0.current.fetch_add(1, Ordering::AcqRel);
        let drivers = std::mem::take(&mut *self.0.drivers.lock().unwrap_or_else(PoisonError::into_inner));
        drivers.iter().for_each(AbortHandle::abort);
    }
}

impl Generation {
    /// Takes a connection in, by what moves its messages.
    pub(super) fn includes(&self, driver: AbortHandle) {
        let mut drivers = self.all.0.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_current() {
            return driver.abort();
        }
        drivers.retain(|driver| !driver.is_finished());
        drivers.push(driver);
    }

    /// Whether no later one has begun.
    pub(super) fn is_current(&self) -> bool {
        self.all.0.current.load(Ordering::Acquire) == self.own
    }

    /// Ends this generation, and says whether it was the first to: no connection of it is lent again.
    pub(super) fn end(&self) -> bool {
        // Many find out at the same time; connections that were opened since then stay.
        let next = self.own + 1;
        self.all.0.current.compare_exchange(self.own, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
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
    async fn what_is_under_way_is_cut_and_later_connections_are_left_alone() {
        let generations = Generations::default();
        let hang = || tokio::spawn(std::future::pending::<()>());
        let (old, early) = (hang(), generations.current());
        early.includes(old.abort_handle());
        generations.cut();
        assert!(old.await.unwrap_err().is_cancelled());
        let (late, new) = (hang(), hang());
        early.includes(late.abort_handle());
        generations.current().includes(new.abort_handle());
        assert!(late.await.unwrap_err().is_cancelled(), "it was being opened meanwhile");
        tokio::task::yield_now().await;
        assert!(!new.is_finished());
        generations.cut();
        assert!(new.await.unwrap_err().is_cancelled());
    }
}
