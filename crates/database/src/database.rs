//! The pools of a database, and what reads and writes through them.

use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use tracing::{Instrument, Span};

use crate::config::Config;
use crate::connection::{Connection, Inner, span};
use crate::error::{DbError, Unavailable};
use crate::on;
use crate::pool::Usage;
use crate::postgres::{Notifications, PostgresConnection, PostgresPools, ReplicaReport, ReplicaState};
use crate::sqlite::SqlitePools;
use crate::url::DatabaseUrl;

/// How long after a write has ended its author reads from the primary: longer than a used replica
/// may lag, the interval between two checks included.
const REPLICA_DELAY: Duration = Duration::from_secs(5);

/// How often the writes of one author need noting at most.
const NOTE_INTERVAL: Duration = Duration::from_secs(1);

/// A database. Clones share its pools.
#[derive(Clone)]
pub struct Database {
    pools: Pools,
    /// How long after it was noted a write may be missing on a replica.
    own_writes: Duration,
}

#[derive(Clone)]
enum Pools {
    Postgres(Arc<PostgresPools>),
    Sqlite(Arc<SqlitePools>),
}

impl Database {
    /// Prepares the pools. This succeeds while the database is away: the pools open connections
    /// when they are first needed.
    ///
    /// # Errors
    /// [`DbError::Tls`] when the certificates to verify a server with cannot be loaded.
    pub fn new(config: &Config) -> Result<Self, DbError> {
        let pools = match &config.url {
            DatabaseUrl::Postgres(url) => Pools::Postgres(Arc::new(PostgresPools::new(url, config)?)),
            DatabaseUrl::Sqlite(path) => Pools::Sqlite(Arc::new(SqlitePools::new(path, config.pool_timeout))),
        };
        // A write is noted before it begins, or was noted up to an interval earlier.
        let own_writes = NOTE_INTERVAL + config.write_timeout + REPLICA_DELAY;
        Ok(Self { pools, own_writes })
    }

    /// Begins to check the replicas, none of which serves reads before, and to follow the primary
    /// if several hosts may be it. Needs a tokio runtime.
    pub fn watch(&self) {
        if let Pools::Postgres(pools) = &self.pools {
            pools.watch();
        }
    }

    /// Each replica, in the order of the configuration.
    pub fn replicas(&self) -> Vec<ReplicaReport> {
        match &self.pools {
            Pools::Postgres(pools) => pools.replicas.iter().map(|replica| replica.report()).collect(),
            Pools::Sqlite(_) => Vec::new(),
        }
    }

    /// Reads the latest data: from the primary.
    ///
    /// Takes no connection yet. On PostgreSQL each statement takes one and gives it back: fixed
    /// statements, which Diesel identifies by their type, share connections, up to eight on one. A
    /// statement that is put together at run time (a boxed query) may have to search, and has a
    /// connection to itself. A statement whose connection is lost is sent once more on another.
    pub fn read(&self) -> Connection {
        self.reads(false)
    }

    /// Reads data that includes the caller's own writes, the last of which was noted at
    /// `last_write`, and may otherwise lag by seconds: from a replica if one is healthy, else from
    /// the primary. See [`must_note_write`](Self::must_note_write).
    pub fn read_after(&self, last_write: Option<Timestamp>, now: Timestamp) -> Connection {
        self.reads(last_write.is_none_or(|noted| now >= noted.plus(self.own_writes)))
    }

    fn reads(&self, may_lag: bool) -> Connection {
        Connection::new(match &self.pools {
            Pools::Postgres(pools) => {
                Inner::Postgres(PostgresConnection::Reads { pools: Arc::clone(pools), may_lag })
            }
            Pools::Sqlite(pools) => Inner::SqliteReads(Arc::clone(pools)),
        })
    }

    /// Whether a write has to be noted before it begins, by an author whose last one was noted at
    /// `last_write`. The note must be stored where every instance of the application reads it.
    pub fn must_note_write(&self, last_write: Option<Timestamp>, now: Timestamp) -> bool {
        let has_replicas = matches!(&self.pools, Pools::Postgres(pools) if !pools.replicas.is_empty());
        has_replicas && last_write.is_none_or(|noted| now >= noted.plus(NOTE_INTERVAL))
    }

    /// A connection on which each statement is its own transaction: for writes of one statement.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when none is free in time, or none can be opened.
    pub async fn write(&self) -> Result<Connection, DbError> {
        Ok(Connection::new(match &self.pools {
            Pools::Postgres(pools) => {
                Inner::Postgres(PostgresConnection::Pooled(pools.primary.pool.get().await?))
            }
            Pools::Sqlite(pools) => Inner::Sqlite(pools.writer.get().await?),
        }))
    }

    /// Runs `work` as one transaction: all of it is kept or, on any error, nothing. It may run
    /// twice, the first time without an effect in the database, so it must change nothing else.
    ///
    /// # Errors
    /// Those of `work`; [`DbError::Unavailable`] when no connection is free in time.
    pub async fn transaction<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        let mut connection = self.write().await?;
        connection.transaction(work).instrument(span!("transaction", self.tier())).await
    }

    /// Whether instances of the application can notify each other: on PostgreSQL, without a pooler
    /// that gives each transaction another session.
    pub fn can_notify(&self) -> bool {
        matches!(&self.pools, Pools::Postgres(pools) if pools.has_sessions())
    }

    /// Notifies all that [`listen`](Self::listen) to this channel.
    ///
    /// # Errors
    /// Those of the database; [`DbError::Query`] on SQLite.
    pub async fn notify(&self, channel: &str) -> Result<(), DbError> {
        on!(self.write().await?, |c| diesel::sql_query("SELECT pg_notify($1, '')")
            .bind::<Text, _>(channel)
            .execute(c))?;
        Ok(())
    }

    /// Receives the notifications of a channel, on a connection beside the pool. `None` where there
    /// are none, or if the server cannot be reached.
    pub async fn listen(&self, channel: &str) -> Option<Notifications> {
        match &self.pools {
            Pools::Postgres(pools) if pools.has_sessions() => pools.listen(channel).await,
            _ => None,
        }
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub async fn ping(&self, limit: Duration) -> Result<(), DbError> {
        let ping = async { on!(self.read(), |c| diesel::sql_query("SELECT 1").execute(c)) };
        let answer = tokio::time::timeout(limit, ping).await;
        answer.map_err(|_| DbError::Unavailable(Unavailable::NoAnswer))??;
        Ok(())
    }

    /// Which database this is: `postgresql` or `sqlite`.
    pub fn tier(&self) -> &'static str {
        match self.pools {
            Pools::Postgres(_) => "postgresql",
            Pools::Sqlite(_) => "sqlite",
        }
    }

    /// Sets the gauges of pools and replicas.
    pub fn observe(&self) {
        match &self.pools {
            Pools::Postgres(pools) => pools.usage().for_each(|(pool, usage)| show(pool, usage)),
            Pools::Sqlite(pools) => {
                show("readers", pools.readers.usage());
                show("writer", pools.writer.usage());
            }
        }
        let (mut used, mut unchecked, mut ejected) = (0, 0, 0);
        for replica in self.replicas() {
            let count = match replica.state {
                ReplicaState::Used => &mut used,
                ReplicaState::Unchecked => &mut unchecked,
                ReplicaState::Ejected(_) => &mut ejected,
            };
            *count += 1_u32;
        }
        for (state, count) in [("used", used), ("unchecked", unchecked), ("left_out", ejected)] {
            metrics::gauge!("db_replicas", "state" => state).set(count);
        }
    }
}

fn show(pool: &'static str, usage: Usage) {
    metrics::gauge!("db_connections", "pool" => pool, "state" => "used").set(usage.used);
    metrics::gauge!("db_connections", "pool" => pool, "state" => "idle").set(usage.idle);
    metrics::gauge!("db_connections_max", "pool" => pool).set(usage.max_size);
}
