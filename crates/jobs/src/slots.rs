//! How many jobs run at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::claim::Limits;
use crate::job::Priority;

/// How long a worker waits for further jobs to end before it claims, if fewer than half of its
/// slots are free: claims of several jobs cost less.
const GATHERING: Duration = Duration::from_millis(2);

/// Jobs of low priority may have one slot of this many, so that jobs of other priorities, which
/// become due later, need not wait for slow ones. A single slot is for all.
const LOW_PRIORITY_SHARE: usize = 2;

/// The slots of running jobs.
pub(crate) struct Slots {
    concurrency: usize,
    all: Arc<Semaphore>,
    low_priority: Arc<Semaphore>,
}

/// What a running job holds: a slot, and one of those of low priority if that is its priority.
pub(crate) type Slot = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// Whether there may be due jobs that a claim did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MayBeMore {
    Yes,
    OfLowPriority,
    No,
}

impl Slots {
    pub(crate) fn new(concurrency: usize) -> Self {
        let low_priority = Arc::new(Semaphore::new(concurrency.div_ceil(LOW_PRIORITY_SHARE)));
        Self { concurrency, all: Arc::new(Semaphore::new(concurrency)), low_priority }
    }

    /// All free slots, once there are any; `None` never, unless the semaphore was closed.
    pub(crate) async fn free(&self) -> Option<FreePlaces> {
        let mut all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        if self.all.available_permits() + 1 < self.concurrency.div_ceil(2) {
            sleep(GATHERING).await;
        }
        if let Some(more) = all_of(&self.all) {
            all.merge(more);
        }
        Some(FreePlaces { all, low_priority: all_of(&self.low_priority) })
    }

    /// Waits until a job of low priority has a slot.
    pub(crate) async fn low_priority_freed(&self) {
        drop(self.low_priority.acquire().await);
    }
}

/// All permits that are free, if there are any.
fn all_of(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    let free = u32::try_from(semaphore.available_permits()).ok().filter(|free| *free > 0)?;
    Arc::clone(semaphore).try_acquire_many_owned(free).ok()
}

/// The slots that a claim may fill.
pub(crate) struct FreePlaces {
    all: OwnedSemaphorePermit,
    low_priority: Option<OwnedSemaphorePermit>,
}

impl FreePlaces {
    pub(crate) fn limits(&self) -> Limits {
        let limit = |slots: usize| i64::try_from(slots).unwrap_or(i64::MAX);
        Limits { all: limit(self.all.num_permits()), low_priority: limit(self.low_priority_left()) }
    }

    fn low_priority_left(&self) -> usize {
        self.low_priority.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// A slot for a job of this priority; `None` if the claim took more than its limits.
    pub(crate) fn take(&mut self, priority: i64) -> Option<Slot> {
        let low_priority = if priority == Priority::Low.number() {
            Some(self.low_priority.as_mut()?.split(1)?)
        } else {
            None
        };
        Some((self.all.split(1)?, low_priority))
    }

    /// What the claim that filled these slots may have left.
    pub(crate) fn left_by_claim(&self) -> MayBeMore {
        if self.all.num_permits() == 0 {
            MayBeMore::Yes
        } else if self.low_priority_left() == 0 {
            MayBeMore::OfLowPriority
        } else {
            MayBeMore::No
        }
    }
}
