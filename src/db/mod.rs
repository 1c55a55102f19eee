//! Connections, units of work and migrations, on PostgreSQL and SQLite alike.

pub mod backup;
mod connect;
mod connection;
mod error;
pub mod files;
mod generation;
mod hosts;
mod locked;
pub mod migrations;
mod observe;
mod pool;
mod postgres;
mod prepared;
mod primary;
mod readers;
mod replicas;
#[allow(missing_docs, reason = "generated")]
pub mod schema;
mod server_error;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

pub use connection::{Connection, Lock, Reader};
pub(crate) use connection::{Tier, on, query_span};
pub use error::{DbError, Unavailable};
pub(crate) use locked::{for_share, for_update, is_locked};
pub(crate) use prepared::prepared;
pub use readers::Extent;
pub use replicas::{Freshness, MAX_LAG, ReplicaReport, ReplicaState, Trouble};

use crate::core::clock::Timestamp;
use crate::core::settings::{DatabaseUrl, PostgresUrl, Settings};
use crate::core::telemetry::traces::span_of;
use connect::{Server, SqliteManager};
use pool::{Pool, PoolSize};
use postgres::PostgresManager;
use primary::PrimaryWatch;
use readers::Readers;
use replicas::Replicas;

/// SQLite runs one writer beside several readers; more readers than this do not make it faster.
const SQLITE_READERS: u32 = 4;

/// How long after a session's write has ended what it reads comes from the primary: longer than a replica in use may
/// be behind, the time between two checks included.
const AFTER_A_WRITE: Duration = Duration::from_secs(5);

/// How often a session's writes are noted at most.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// The database of this process.
#[derive(Clone)]
pub struct Database {
    pools: Pools,
    replicas: Option<Arc<Replicas>>,
    /// Where several hosts stand for the primary.
    primary: Option<Arc<PrimaryWatch>>,
    /// How long after it was noted a write may still show.
    own_writes: Duration,
}

#[derive(Clone)]
enum Pools {
    Postgres { pool: Pool<PostgresManager>, readers: Readers },
    Sqlite { readers: Pool<SqliteManager>, writer: Pool<SqliteManager> },
}

impl Database {
    /// Prepares the pools. Connections are opened when they are first needed, so this succeeds while the
    /// database is away.
    ///
    /// # Errors
    /// [`DbError::Tls`] when the certificates to verify a server with cannot be had.
    pub fn new(settings: &Settings) -> Result<Self, DbError> {
        let timeout = settings.db_pool_timeout;
        let (mut replicas, mut watch) = (None, None);
        let pools = match &settings.database_url {
            DatabaseUrl::Postgres(url) => {
                let size = PoolSize {
                    kept: settings.db_pool_size,
                    most: settings.db_pool_size + settings.db_max_overflow,
                };
                let (app_name, limit) = (&settings.app_name, settings.db_statement_timeout);
                let server = |url: &PostgresUrl| {
                    let server = Server::new(url, settings.db_pool_mode)?;
                    Ok::<_, DbError>(server.serving(app_name, limit))
                };
                let primary = server(url)?;
                let others = settings.database_replica_urls.iter().map(|url| {
                    let server = server(url)?;
                    let pool = Pool::silent("replica", connect::postgres(server.clone()), size, timeout);
                    Ok((url.server(), server, Readers::new(pool)))
                });
                let others: Vec<_> = others.collect::<Result<_, DbError>>()?;
                replicas = (!others.is_empty()).then(|| Arc::new(Replicas::new(primary.clone(), others)));
                watch = primary.has_several_hosts().then(|| Arc::new(PrimaryWatch::new(primary.clone())));
                let pool = Pool::new("primary", connect::postgres(primary), size, timeout);
                Pools::Postgres { readers: Readers::new(pool.clone()), pool }
            }
            DatabaseUrl::Sqlite(path) => Pools::Sqlite {
                readers: Pool::new(
                    "readers",
                    connect::sqlite(path, connect::Mode::ReadOnly),
                    PoolSize { kept: 1, most: SQLITE_READERS },
                    timeout,
                ),
                writer: Pool::new(
                    "writer",
                    connect::sqlite(path, connect::Mode::ReadWrite),
                    PoolSize { kept: 1, most: 1 },
                    timeout,
                ),
            },
        };
        // A write is noted before it begins, perhaps by one that began a moment earlier.
        let own_writes = NOTE_EVERY + settings.request_timeout + AFTER_A_WRITE;
        Ok(Self { pools, replicas, primary: watch, own_writes })
    }

    /// Begins to check the replicas, which are not read from before.
    pub fn watch_replicas(&self) {
        if let Some(replicas) = &self.replicas {
            replicas.watch();
        }
    }

    /// Begins to follow the primary, where several hosts stand for it.
    pub fn watch_primary(&self) {
        if let Some(primary) = &self.primary {
            primary.begin();
        }
    }

    /// Each replica, in the order of the settings.
    pub fn replicas(&self) -> Vec<ReplicaReport> {
        self.replicas.as_ref().map(|replicas| replicas.report()).unwrap_or_default()
    }

    /// How new a read must be for somebody whose last write was noted then: nobody misses what is their own.
    pub fn freshness(&self, noted: Option<Timestamp>, now: Timestamp) -> Freshness {
        match noted {
            Some(noted) if now < noted.plus(self.own_writes) => Freshness::Latest,
            _ => Freshness::MayLag,
        }
    }

    /// Whether a write has to be noted now, of somebody whose last one was noted then.
    pub fn must_note_write(&self, noted: Option<Timestamp>, now: Timestamp) -> bool {
        self.replicas.is_some() && noted.is_none_or(|noted| now >= noted.plus(NOTE_EVERY))
    }

    /// What `query` reads: from a replica where that is fresh enough, else from the primary. It may be asked twice,
    /// so it must only read. It is given a connection to keep: an async closure that borrows one could not be sent to
    /// another thread.
    ///
    /// # Errors
    /// Those of `query`; [`DbError::Unavailable`] when no connection can be had in time.
    pub async fn read_with<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        freshness: Freshness,
        extent: Extent,
        query: impl Fn(Reader) -> F,
    ) -> Result<T, DbError> {
        if let (Freshness::MayLag, Some(replicas)) = (freshness, &self.replicas)
            && let Some(result) = replicas.read(extent, &query).await
        {
            return result;
        }
        match &self.pools {
            Pools::Postgres { readers, .. } => readers.read(extent, query).await,
            Pools::Sqlite { readers, .. } => query(Reader::Sqlite(readers.get().await?)).await,
        }
    }

    /// What `query` finds by its key of what was written last, on the terms of [`read_with`](Self::read_with).
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub async fn look_up<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        query: impl Fn(Reader) -> F,
    ) -> Result<T, DbError> {
        self.read_with(Freshness::Latest, Extent::Short, query).await
    }

    /// A connection to read with what was written last: to the primary.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when none can be had in time.
    pub async fn read(&self) -> Result<Connection, DbError> {
        Ok(match &self.pools {
            Pools::Postgres { pool, .. } => Connection::Postgres(pool.get().await?),
            Pools::Sqlite { readers, .. } => Connection::Sqlite(readers.get().await?),
        })
    }

    /// A connection on which each statement is its own transaction: for a unit of work of one statement.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when none can be had in time.
    pub async fn write(&self) -> Result<Connection, DbError> {
        Ok(match &self.pools {
            Pools::Postgres { pool, .. } => Connection::Postgres(pool.get().await?),
            Pools::Sqlite { writer, .. } => Connection::Sqlite(writer.get().await?),
        })
    }

    /// Runs `work` as one unit of work on one connection: all of it is kept, or, on any error, nothing. It may be run twice, the
    /// first time without an effect in the database: so it is a closure that can be cloned, and changes nothing outside of itself.
    ///
    /// # Errors
    /// Those of `work`; [`DbError::Unavailable`] when no connection can be had in time.
    pub async fn transaction<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        let mut connection = self.write().await?;
        let span = span_of!("transaction", "client", db.system.name = self.tier());
        connection.transaction(work).instrument(span).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When there is none within `limit`.
    pub async fn ping(&self, limit: Duration) -> Result<(), DbError> {
        let probe = async { self.read().await?.ping().await };
        tokio::time::timeout(limit, probe).await.map_err(|_| DbError::Unavailable(Unavailable::NoAnswer))?
    }

    /// Which database this is: `postgresql` or `sqlite`.
    pub fn tier(&self) -> &'static str {
        match self.pools {
            Pools::Postgres { .. } => "postgresql",
            Pools::Sqlite { .. } => "sqlite",
        }
    }
}
