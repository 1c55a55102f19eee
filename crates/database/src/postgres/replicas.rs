//! Replicas: which of them serves a read, and what follows when it fails there.

mod checks;

pub(super) use checks::check_all;

use std::fmt;
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
#[derive(Clone)]
struct Condition {
    state: ReplicaState,
    latency: Option<Duration>,
    /// When a read failed there: a check that began earlier knows less.
    failed_at: Option<Instant>,
}

/// A replica, its connections and its condition.
pub(crate) struct Replica {
    name: String,
    server: Server,
    connections: SharedConnections,
    condition: watch::Sender<Condition>,
}

impl Replica {
    /// One that serves no reads before its first check.
    pub(super) fn new(name: String, server: Server, connections: SharedConnections) -> Self {
        let unchecked = Condition { state: ReplicaState::Unchecked, latency: None, failed_at: None };
        Self { name, server, connections, condition: watch::Sender::new(unchecked) }
    }

    pub(super) fn is_used(&self) -> bool {
        self.condition.borrow().state == ReplicaState::Used
    }

    pub(super) fn usage(&self) -> Usage {
        self.connections.pool.usage()
    }

    pub(crate) fn report(&self) -> ReplicaReport {
        let Condition { state, latency, .. } = self.condition.borrow().clone();
        ReplicaReport { name: self.name.clone(), state, latency }
    }

    /// The result here; `None` if the primary should be asked instead.
    pub(super) async fn read(&self, statement: &Statement) -> Option<Result<Answer, DbError>> {
        // A frozen server fails no read. It fails checks.
        let result = tokio::select! {
            result = self.connections.read_once(statement) => result,
            () = self.lost() => return None,
        };
        match result {
            Err(error) if error.is_recovery_conflict() => None,
            Err(error) => match error.unreachable_reason() {
                Some(reason) => {
                    self.read_failed(reason);
                    None
                }
                None => Some(Err(error)),
            },
            answer => Some(answer),
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
    fn read_failed(&self, reason: String) {
        let reason = UnhealthyReason::Unreachable(reason);
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

#[cfg(test)]
mod tests;
