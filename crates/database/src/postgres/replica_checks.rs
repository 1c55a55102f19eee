//! Checks each replica once a second: whether it is one, and how far it has come.
//!
//! The primary says how far it has to have come: where its log ended [`MAX_LAG`] ago. A replica
//! only knows how far it is behind what it received, which is nothing when it has lost its primary,
//! and the age of the last transaction that it replayed, which grows when there are no writes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_postgres::{Client, SimpleQueryRow};

use super::connector::PgConnector;
use super::replicas::{MAX_LAG, Replica, ReplicaState, UnhealthyReason};
use super::row::first_row;
use crate::server_error::describe;

/// How often replicas are checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How long a check may take, a new connection included.
const CHECK_LIMIT: Duration = Duration::from_secs(1);

/// Where the log of the primary ends, in bytes.
const END_OF_LOG: &str = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn";
/// Whether this is a replica, and how much of the log it has replayed.
const REPLAYED: &str = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() - '0/0'::pg_lsn";

/// Checks until it is aborted.
pub(super) async fn run(primary: PgConnector, replicas: Vec<Arc<Replica>>) {
    let mut primary = Probe::new(primary);
    let mut probes: Vec<_> = replicas.iter().map(|replica| Probe::new(replica.server.clone())).collect();
    let mut log = Log::default();
    let mut ticks = interval(CHECK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Without an answer, no writes that a replica could lack are known.
        if let Ok(row) = primary.ask(END_OF_LOG).await
            && let Some(end) = position(&row, 0)
        {
            log.ends(Instant::now(), end);
        }
        let Some(required) = log.required(Instant::now()) else { continue };
        let checks = replicas.iter().zip(&mut probes).map(|(replica, probe)| check(replica, probe, required));
        join_all(checks).await;
    }
}

async fn check(replica: &Replica, probe: &mut Probe, required: Required) {
    let began = Instant::now();
    let answer = probe.ask(REPLAYED).await;
    let latency = answer.is_ok().then(|| began.elapsed());
    let state = match answer {
        Err(reason) => ReplicaState::Ejected(UnhealthyReason::Unreachable(reason)),
        Ok(row) if row.get(0) == Some("t") => match position(&row, 1) {
            Some(replayed) if replayed >= required.end => ReplicaState::Used,
            // It may be about to catch up.
            _ if required.is_recent => return,
            _ => ReplicaState::Ejected(UnhealthyReason::Behind),
        },
        Ok(_) => ReplicaState::Ejected(UnhealthyReason::NoReplica),
    };
    replica.checked(began, latency, state);
}

/// A position in the log, in bytes.
fn position(row: &SimpleQueryRow, column: usize) -> Option<u64> {
    row.get(column)?.parse().ok()
}

/// Where the primary's log ended at which time.
#[derive(Default)]
struct Log {
    ends: VecDeque<(Instant, u64)>,
}

/// How much of the log a replica must have replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Required {
    end: u64,
    /// The log ended there less than [`MAX_LAG`] ago: nothing older is known yet.
    is_recent: bool,
}

impl Log {
    fn ends(&mut self, at: Instant, end: u64) {
        self.ends.push_back((at, end));
    }

    fn required(&mut self, now: Instant) -> Option<Required> {
        let is_recent = |at: Instant| now.duration_since(at) < MAX_LAG;
        // Of the old positions, the newest is the strictest.
        while self.ends.get(1).is_some_and(|&(at, _)| !is_recent(at)) {
            self.ends.pop_front();
        }
        self.ends.front().map(|&(at, end)| Required { end, is_recent: is_recent(at) })
    }
}

/// A connection for checks alone: an exhausted pool must not look like an unreachable server.
struct Probe {
    server: PgConnector,
    client: Option<Client>,
}

impl Probe {
    fn new(server: PgConnector) -> Self {
        Self { server, client: None }
    }

    /// The first row of the answer.
    async fn ask(&mut self, query: &str) -> Result<SimpleQueryRow, String> {
        // Put back only on success, so that no connection is reused after an error or the limit.
        let kept = self.client.take().filter(|client| !client.is_closed());
        let asking = async {
            let client = match kept {
                Some(client) => client,
                None => self.server.connect().await.map_err(|error| error.to_string())?.0,
            };
            let row = first_row(&client, query).await.map_err(|error| describe(&error))?;
            Ok((client, row.ok_or("the answer is empty")?))
        };
        let answered = timeout(CHECK_LIMIT, asking).await;
        let (client, row) = answered.unwrap_or_else(|_| Err("the server does not answer".to_owned()))?;
        self.client = Some(client);
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_must_have_replayed_what_was_written_some_seconds_ago() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut log = Log::default();
        assert_eq!(log.required(start), None);
        for (age, end) in (0..).zip([100, 200, 200, 300]) {
            log.ends(start + age * second, end);
        }
        let mut required = |age: u32| log.required(start + age * second).unwrap();
        assert_eq!(required(1), Required { end: 100, is_recent: true });
        assert_eq!(required(2), Required { end: 100, is_recent: false });
        assert_eq!(required(3), Required { end: 200, is_recent: false });
        // When the primary is silent, or idle, no more is required than it had written.
        assert_eq!(required(3600), Required { end: 300, is_recent: false });
        assert_eq!(log.ends.len(), 1);
    }
}
