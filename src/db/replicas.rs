//! Replicas of PostgreSQL: which one a read goes to, and what becomes of a read that fails there.

mod checks;

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::connect::Server;
use super::connection::Reader;
use super::error::DbError;
use super::pool::Usage;
use super::readers::{Extent, Readers};

/// How far a replica may be behind the primary and still be read from.
pub const MAX_LAG: Duration = Duration::from_secs(2);

/// How new the answer to a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Everything that was written before is in it.
    Latest,
    /// What was written in the last seconds may be missing.
    MayLag,
}

/// A replica as readiness reports it.
#[derive(Clone, Debug)]
pub struct ReplicaReport {
    /// Its host and port.
    pub name: String,
    /// Whether it is read from.
    pub state: ReplicaState,
    /// How long its last answer to a check took; `None` when there was none.
    pub latency: Option<Duration>,
}

/// Whether a replica is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// Not yet: it was not asked since the start.
    Unchecked,
    /// It is.
    Used,
    /// Not until it is well again.
    LeftOut(Trouble),
}

/// Why a replica is not read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It cannot be connected to, or does not answer.
    Unreachable(String),
    /// It has not replayed what the primary wrote [`MAX_LAG`] ago.
    Behind,
    /// It follows no primary: it may have been promoted, or the address is another's.
    NoReplica,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => f.write_str(reason),
            Self::Behind => write!(f, "is more than {} s behind", MAX_LAG.as_secs()),
            Self::NoReplica => f.write_str("follows no primary"),
        }
    }
}

/// What is known of a replica.
struct Condition {
    state: ReplicaState,
    latency: Option<Duration>,
    /// When a read failed there: a check that began earlier knows less.
    failed_at: Option<Instant>,
}

/// One replica.
struct Replica {
    name: String,
    server: Server,
    readers: Readers,
    condition: watch::Sender<Condition>,
}

impl Replica {
    /// What `query` gives here; `None` when it is to be asked of the primary instead.
    async fn read<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        extent: Extent,
        query: &impl Fn(Reader) -> F,
    ) -> Option<Result<T, DbError>> {
        let reading = async { query(self.readers.get(extent).await?).await };
        // A server that is frozen fails nothing by itself. Its checks do.
        let result = tokio::select! {
            result = reading => result,
            () = self.lost() => return None,
        };
        match result {
            Err(error) if error.is_recovery_conflict() => None,
            Err(error) if error.is_lost_connection() => {
                self.read_failed(&error);
                None
            }
            result => Some(result),
        }
    }

    /// Returns when the replica is found not to answer.
    async fn lost(&self) {
        let lost = |now: &Condition| matches!(now.state, ReplicaState::LeftOut(Trouble::Unreachable(_)));
        if self.condition.subscribe().wait_for(lost).await.is_err() {
            // The sender is this replica's own.
            std::future::pending::<()>().await;
        }
    }

    /// The next reads need not find out by themselves.
    fn read_failed(&self, error: &DbError) {
        let trouble = Trouble::Unreachable(error.reason());
        self.condition.send_modify(|condition| {
            condition.failed_at = Some(Instant::now());
            self.enter(condition, ReplicaState::LeftOut(trouble));
        });
    }

    /// What a check that began at `began` found.
    fn checked(&self, began: Instant, latency: Option<Duration>, state: ReplicaState) {
        self.condition.send_modify(|condition| {
            condition.latency = latency;
            let outdated = condition.failed_at.is_some_and(|failed| failed >= began);
            if !(outdated && state == ReplicaState::Used) {
                self.enter(condition, state);
            }
        });
    }

    /// One line for each change between in use and left out, whatever the reasons are meanwhile.
    fn enter(&self, condition: &mut Condition, state: ReplicaState) {
        match (&condition.state, &state) {
            (ReplicaState::LeftOut(_), ReplicaState::LeftOut(_)) => {}
            (_, ReplicaState::LeftOut(trouble)) => {
                tracing::warn!(replica = self.name, reason = %trouble, "a replica is left out");
            }
            (ReplicaState::LeftOut(_), _) => tracing::info!(replica = self.name, "a replica is back"),
            _ => {}
        }
        condition.state = state;
    }
}

/// All replicas of a database.
pub(super) struct Replicas {
    primary: Server,
    all: Vec<Arc<Replica>>,
    next: AtomicUsize,
    checks: OnceLock<JoinHandle<()>>,
}

impl Replicas {
    /// Replicas that nobody has checked yet, so that none of them is read from.
    pub(super) fn new(
        primary: Server,
        replicas: impl IntoIterator<Item = (String, Server, Readers)>,
    ) -> Self {
        let unchecked = || Condition { state: ReplicaState::Unchecked, latency: None, failed_at: None };
        let all = replicas.into_iter().map(|(name, server, readers)| {
            Arc::new(Replica { name, server, readers, condition: watch::Sender::new(unchecked()) })
        });
        Self { primary, all: all.collect(), next: AtomicUsize::new(0), checks: OnceLock::new() }
    }

    /// Begins to check them, and goes on until this is dropped.
    pub(super) fn watch(&self) {
        self.checks.get_or_init(|| tokio::spawn(checks::run(self.primary.clone(), self.all.clone())));
    }

    /// What `query` gives on the next replica in turn; `None` when it is to be asked of the primary instead.
    pub(super) async fn read<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        extent: Extent,
        query: &impl Fn(Reader) -> F,
    ) -> Option<Result<T, DbError>> {
        self.choose()?.read(extent, query).await
    }

    /// Each in its turn, but for those that are left out.
    fn choose(&self) -> Option<&Replica> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.all.len().max(1);
        let (before, from) = self.all.split_at_checked(start)?;
        let used = |replica: &&Arc<Replica>| replica.condition.borrow().state == ReplicaState::Used;
        from.iter().chain(before).find(used).map(Arc::as_ref)
    }

    /// What the pools of all replicas have together.
    pub(super) fn usage(&self) -> Usage {
        self.all.iter().map(|replica| replica.readers.usage()).fold(Usage::default(), |sum, pool| Usage {
            used: sum.used + pool.used,
            idle: sum.idle + pool.idle,
            most: sum.most + pool.most,
        })
    }

    pub(super) fn report(&self) -> Vec<ReplicaReport> {
        let report = |replica: &Arc<Replica>| {
            let condition = replica.condition.borrow();
            let (state, latency) = (condition.state.clone(), condition.latency);
            ReplicaReport { name: replica.name.clone(), state, latency }
        };
        self.all.iter().map(report).collect()
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        if let Some(checks) = self.checks.get() {
            checks.abort();
        }
    }
}

#[cfg(test)]
mod tests;
