//! Replicas: which of them serves a read, and what follows when it fails there.

mod checks;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::row::Answer;
use super::server::Server;
use super::shared::SharedConnections;
use super::statement::Statement;
use crate::error::DbError;
use crate::pool::Usage;

/// How far a replica may lag behind the primary and still serve reads.
pub const MAX_LAG: Duration = Duration::from_secs(2);

/// The state of one replica.
#[derive(Clone, Debug)]
pub struct ReplicaReport {
    /// Its host and port.
    pub name: String,
    /// Whether it serves reads.
    pub state: ReplicaState,
    /// How long it took to answer the last check; `None` if it did not.
    pub latency: Option<Duration>,
}

/// Whether a replica serves reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// Not yet: no check has finished since the start.
    Unchecked,
    /// Yes.
    Used,
    /// Not until a check finds it healthy.
    Ejected(UnhealthyReason),
}

/// Why a replica does not serve reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnhealthyReason {
    /// It refuses connections, or does not answer.
    Unreachable(String),
    /// It has not replayed what the primary wrote [`MAX_LAG`] ago.
    Behind,
    /// It follows no primary: it may have been promoted, or the address is another server's.
    NoReplica,
}

impl fmt::Display for UnhealthyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => f.write_str(reason),
            Self::Behind => write!(f, "is more than {} s behind", MAX_LAG.as_secs()),
            Self::NoReplica => f.write_str("follows no primary"),
        }
    }
}

/// What checks and reads have found out about a replica.
struct Condition {
    state: ReplicaState,
    latency: Option<Duration>,
    /// When a read failed there: a check that began earlier knows less.
    failed_at: Option<Instant>,
}

struct Replica {
    name: String,
    server: Server,
    connections: SharedConnections,
    condition: watch::Sender<Condition>,
}

impl Replica {
    /// The result here; `None` if the primary should be asked instead.
    async fn read(&self, statement: &Statement) -> Option<Result<Answer, DbError>> {
        // A frozen server fails no read. It fails checks.
        let result = tokio::select! {
            result = self.connections.read_once(statement) => result,
            () = self.lost() => return None,
        };
        match result {
            Err(error) if error.is_recovery_conflict() => None,
            Err(error) if error.is_unreachable() => {
                self.read_failed(&error);
                None
            }
            result => Some(result),
        }
    }

    /// Returns when the replica is found unreachable.
    async fn lost(&self) {
        let lost =
            |now: &Condition| matches!(now.state, ReplicaState::Ejected(UnhealthyReason::Unreachable(_)));
        if self.condition.subscribe().wait_for(lost).await.is_err() {
            // Unreachable: the sender is this replica's own.
            std::future::pending::<()>().await;
        }
    }

    /// Ejects the replica before the next check does.
    fn read_failed(&self, error: &DbError) {
        let reason = UnhealthyReason::Unreachable(error.reason());
        self.condition.send_modify(|condition| {
            condition.failed_at = Some(Instant::now());
            self.enter(condition, ReplicaState::Ejected(reason));
        });
    }

    /// Takes the result of a check that began at `began`.
    fn checked(&self, began: Instant, latency: Option<Duration>, state: ReplicaState) {
        self.condition.send_modify(|condition| {
            condition.latency = latency;
            let outdated = condition.failed_at.is_some_and(|failed| failed >= began);
            if !(outdated && state == ReplicaState::Used) {
                self.enter(condition, state);
            }
        });
    }

    /// Logs one line per change between used and ejected, however the reasons change meanwhile.
    fn enter(&self, condition: &mut Condition, state: ReplicaState) {
        match (&condition.state, &state) {
            (ReplicaState::Ejected(_), ReplicaState::Ejected(_)) => {}
            (_, ReplicaState::Ejected(reason)) => {
                tracing::warn!(replica = self.name, %reason, "a replica is left out");
            }
            (ReplicaState::Ejected(_), _) => tracing::info!(replica = self.name, "a replica is back"),
            _ => {}
        }
        condition.state = state;
    }
}

/// All replicas of a database.
pub(super) struct Replicas {
    all: Vec<Arc<Replica>>,
    next: AtomicUsize,
}

impl Replicas {
    /// Replicas by their names. None serves reads before its first check.
    pub(super) fn new(replicas: impl IntoIterator<Item = (String, Server, SharedConnections)>) -> Self {
        let all = replicas.into_iter().map(|(name, server, connections)| {
            let unchecked = Condition { state: ReplicaState::Unchecked, latency: None, failed_at: None };
            Arc::new(Replica { name, server, connections, condition: watch::Sender::new(unchecked) })
        });
        Self { all: all.collect(), next: AtomicUsize::new(0) }
    }

    /// Checks them against their primary until it is aborted.
    pub(super) fn check(&self, primary: Server) -> impl Future<Output = ()> + Send + use<> {
        checks::run(primary, self.all.clone())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The result on the next replica in turn; `None` if the primary should be asked instead.
    pub(super) async fn read(&self, statement: &Statement) -> Option<Result<Answer, DbError>> {
        self.choose()?.read(statement).await
    }

    /// The next used replica, in turn.
    fn choose(&self) -> Option<&Replica> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.all.len().max(1);
        let (before, from) = self.all.split_at_checked(start)?;
        let used = |replica: &&Arc<Replica>| replica.condition.borrow().state == ReplicaState::Used;
        from.iter().chain(before).find(used).map(Arc::as_ref)
    }

    /// The sum of their pools.
    pub(super) fn usage(&self) -> Usage {
        self.all.iter().map(|replica| replica.connections.usage()).fold(Usage::default(), |sum, pool| Usage {
            used: sum.used + pool.used,
            idle: sum.idle + pool.idle,
            max_size: sum.max_size + pool.max_size,
        })
    }

    /// Each of them, in order.
    pub(super) fn report(&self) -> Vec<ReplicaReport> {
        let report = |replica: &Arc<Replica>| {
            let condition = replica.condition.borrow();
            let (state, latency) = (condition.state.clone(), condition.latency);
            ReplicaReport { name: replica.name.clone(), state, latency }
        };
        self.all.iter().map(report).collect()
    }
}

#[cfg(test)]
mod tests;
