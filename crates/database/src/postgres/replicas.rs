//! Replicas: which of them serves a read, and what follows when it fails there.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::connector::PgConnector;
use super::row::Answer;
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
    report: ReplicaReport,
    /// When a read failed there: a check that began earlier knows less.
    failed_at: Option<Instant>,
}

/// A replica, its connections and its condition.
pub(crate) struct Replica {
    pub(super) server: PgConnector,
    connections: SharedConnections,
    condition: watch::Sender<Condition>,
}

impl Replica {
    /// One that serves no reads before its first check.
    pub(super) fn new(name: String, server: PgConnector, connections: SharedConnections) -> Self {
        let report = ReplicaReport { name, state: ReplicaState::Unchecked, latency: None };
        let condition = watch::Sender::new(Condition { report, failed_at: None });
        Self { server, connections, condition }
    }

    pub(super) fn is_used(&self) -> bool {
        self.condition.borrow().report.state == ReplicaState::Used
    }

    pub(super) fn usage(&self) -> Usage {
        self.connections.pool.usage()
    }

    pub(crate) fn report(&self) -> ReplicaReport {
        self.condition.borrow().report.clone()
    }

    /// The result here; `None` if the primary should be asked instead.
    pub(super) async fn read(&self, statement: &Statement) -> Option<Result<Answer, DbError>> {
        // A frozen server fails no read. It fails checks.
        let result = tokio::select! {
            result = self.connections.read_once(statement) => result,
            () = self.lost() => return None,
        };
        if let Err(error) = &result {
            if error.is_recovery_conflict() {
                return None;
            }
            if let Some(reason) = error.unreachable_reason() {
                self.read_failed(reason);
                return None;
            }
        }
        Some(result)
    }

    /// Returns when the replica is found unreachable.
    async fn lost(&self) {
        let lost = |now: &Condition| {
            matches!(now.report.state, ReplicaState::Ejected(UnhealthyReason::Unreachable(_)))
        };
        if self.condition.subscribe().wait_for(lost).await.is_err() {
            // Unreachable: the sender is this replica's own.
            std::future::pending::<()>().await;
        }
    }

    /// Ejects the replica before the next check does.
    fn read_failed(&self, reason: String) {
        self.condition.send_modify(|condition| {
            condition.failed_at = Some(Instant::now());
            condition.report.enter(ReplicaState::Ejected(UnhealthyReason::Unreachable(reason)));
        });
    }

    /// Takes the result of a check that began at `began`.
    pub(super) fn checked(&self, began: Instant, latency: Option<Duration>, state: ReplicaState) {
        self.condition.send_modify(|Condition { report, failed_at }| {
            report.latency = latency;
            let is_outdated = failed_at.is_some_and(|failed| failed >= began);
            if !(is_outdated && state == ReplicaState::Used) {
                report.enter(state);
            }
        });
    }
}

impl ReplicaReport {
    /// Logs one line per change between used and ejected, however the reasons change meanwhile.
    fn enter(&mut self, state: ReplicaState) {
        let replica = &self.name;
        match (&self.state, &state) {
            (ReplicaState::Ejected(_), ReplicaState::Ejected(_)) => {}
            (_, ReplicaState::Ejected(reason)) => {
                tracing::warn!(replica, %reason, "a replica is left out");
            }
            (ReplicaState::Ejected(_), _) => tracing::info!(replica, "a replica is back"),
            _ => {}
        }
        self.state = state;
    }
}

#[cfg(test)]
mod tests;
