//! What metrics tell of the database at a moment.

use super::pool::Usage;
use super::{Database, Pools, ReplicaState};
use crate::core::telemetry::metrics::{DB_CONNECTIONS, DB_CONNECTIONS_MAX, DB_REPLICAS, gauge, number};

impl Database {
    /// Tells the metrics how the pools and replicas are now.
    pub fn observe(&self) {
        match &self.pools {
            Pools::Postgres { pool, .. } => show("primary", pool.usage()),
            Pools::Sqlite { readers, writer } => {
                show("readers", readers.usage());
                show("writer", writer.usage());
            }
        }
        if let Some(replicas) = &self.replicas {
            show("replica", replicas.usage());
        }
        let states = self.replicas();
        let count = |is_so: fn(&ReplicaState) -> bool| states.iter().filter(|it| is_so(&it.state)).count();
        for (state, count) in [
            ("used", count(|state| *state == ReplicaState::Used)),
            ("unchecked", count(|state| *state == ReplicaState::Unchecked)),
            ("left_out", count(|state| matches!(state, ReplicaState::LeftOut(_)))),
        ] {
            gauge(DB_REPLICAS, &[("state", state)]).set(number(count));
        }
    }
}

fn show(pool: &'static str, usage: Usage) {
    gauge(DB_CONNECTIONS, &[("pool", pool), ("state", "used")]).set(usage.used);
    gauge(DB_CONNECTIONS, &[("pool", pool), ("state", "idle")]).set(usage.idle);
    gauge(DB_CONNECTIONS_MAX, &[("pool", pool)]).set(usage.most);
}
