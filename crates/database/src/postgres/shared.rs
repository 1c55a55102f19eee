//! Connections on which several callers read at the same time.
//!
//! PostgreSQL answers a lookup by key sooner than the kernel delivers the answer: sending and
//! receiving is most of its cost. Lookups that share a connection share packets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::connector::PgConnector;
use super::row::Answer;
use super::statement::Statement;
use crate::error::DbError;
use crate::pool::{Pool, PooledConnection};

/// How many reads may be in flight on a connection. PostgreSQL answers them one after the other, on
/// one core. If one hangs, as many wait until their requests time out.
const MAX_IN_FLIGHT: usize = 8;

/// How many reads share a connection in all, before it returns to the pool and to the first in its
/// queue.
const MAX_READS: u32 = 64;

/// Lends connections of a pool to reads, one connection to several.
pub(crate) struct SharedConnections {
    /// For callers that need a connection of their own.
    pub pool: Pool<PgConnector>,
    latest: Mutex<SharedConnection>,
}

/// The connection that was last lent to lookups, as long as one of them uses it.
#[derive(Default)]
struct SharedConnection {
    connection: Weak<PooledConnection<PgConnector>>,
    reads: u32,
}

impl SharedConnection {
    /// The connection, if it may take another read.
    fn join(&mut self) -> Option<Arc<PooledConnection<PgConnector>>> {
        let connection = self.connection.upgrade()?;
        // One of the references is the one just made.
        let is_free = Arc::strong_count(&connection) <= MAX_IN_FLIGHT && self.reads < MAX_READS;
        if !is_free || !connection.is_usable() {
            return None;
        }
        self.reads += 1;
        Some(connection)
    }
}

impl SharedConnections {
    pub(super) fn new(pool: Pool<PgConnector>) -> Self {
        Self { pool, latest: Mutex::default() }
    }

    /// Runs a statement that only reads. A fixed statement shares a connection. If that is lost,
    /// perhaps through another read, the statement is sent once more on a connection of its own, as
    /// one is from the start that was put together at run time.
    ///
    /// # Errors
    /// As [`Pool::get`], and those of the server.
    pub(super) async fn read(&self, statement: &Statement) -> Result<Answer, DbError> {
        match self.read_once(statement).await {
            Err(error) if error.is_lost_connection() => Ok(self.pool.get().await?.run(statement).await?),
            result => result,
        }
    }

    /// The same without the second attempt.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) async fn read_once(&self, statement: &Statement) -> Result<Answer, DbError> {
        if !statement.is_fixed() {
            return Ok(self.pool.get().await?.run(statement).await?);
        }
        let joined = self.latest().join();
        let connection = match joined {
            Some(connection) => connection,
            None => self.lend(self.pool.get().await?),
        };
        Ok(connection.run(statement).await?)
    }

    fn lend(&self, connection: PooledConnection<PgConnector>) -> Arc<PooledConnection<PgConnector>> {
        let connection = Arc::new(connection);
        if connection.is_shareable() {
            *self.latest() = SharedConnection { connection: Arc::downgrade(&connection), reads: 1 };
        }
        connection
    }

    fn latest(&self) -> MutexGuard<'_, SharedConnection> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
