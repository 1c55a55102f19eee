//! The leases that a worker holds, and until when it may rely on them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::claim::LeaseToken;

#[derive(Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<i64, HeldLease>>,
}

struct HeldLease {
    lease: LeaseToken,
    deadline: watch::Sender<Instant>,
}

/// Lets a job run only as long as nobody else may claim it.
pub(crate) struct LeaseDeadline(watch::Receiver<Instant>);

impl LeaseDeadline {
    /// Completes when the lease is lost, or has not been renewed in time.
    pub(crate) async fn passed(mut self) {
        loop {
            let deadline = *self.0.borrow_and_update();
            tokio::select! {
                () = sleep_until(deadline) => return,
                changed = self.0.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Leases {
    /// Adds a job that was just claimed.
    pub(crate) fn add(&self, id: i64, lease: LeaseToken, deadline: Instant) -> LeaseDeadline {
        let (sender, receiver) = watch::channel(deadline);
        self.held().insert(id, HeldLease { lease, deadline: sender });
        LeaseDeadline(receiver)
    }

    pub(crate) fn all(&self) -> Vec<(i64, LeaseToken)> {
        self.held().iter().map(|(id, held)| (*id, held.lease)).collect()
    }

    pub(crate) fn extend(&self, (id, lease): (i64, LeaseToken), deadline: Instant) {
        if let Some(held) = self.held().get(&id).filter(|held| held.lease == lease) {
            held.deadline.send_replace(deadline);
        }
    }

    /// Removes a job, unless it was claimed again meanwhile.
    pub(crate) fn remove(&self, (id, lease): (i64, LeaseToken)) {
        let mut held = self.held();
        if held.get(&id).is_some_and(|held| held.lease == lease) {
            held.remove(&id);
        }
    }

    /// Whether the lease may still be relied on.
    pub(crate) fn is_held(&self, (id, lease): (i64, LeaseToken)) -> bool {
        let held = self.held();
        held.get(&id).is_some_and(|held| held.lease == lease && *held.deadline.borrow() > Instant::now())
    }

    fn held(&self) -> MutexGuard<'_, HashMap<i64, HeldLease>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
