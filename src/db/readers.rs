//! Connections on which several callers read at the same time.
//!
//! PostgreSQL answers a short read sooner than the kernel hands it over, so that most of what one costs is being sent and received
//! by itself. On one connection those that come at the same time travel together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::connection::Reader;
use super::error::DbError;
use super::pool::{Loan, Pool, Usage};
use super::postgres::PostgresManager;

/// How many reads are under way on a connection at the most. PostgreSQL answers them one after the other, on one core; and so
/// many wait when one of them hangs, until their requests have no time left.
const AT_ONCE: usize = 8;

/// How many reads share a connection in all, before it is given back to whoever has waited longest for one.
const IN_ALL: u32 = 64;

/// How much a read takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What an index gives as it is: a row by its key, or a page in the order of one.
    Short,
    /// Perhaps much more: it has a connection to itself.
    Long,
}

/// A connection that is lent to several.
pub type Shared = Arc<Loan<PostgresManager>>;

/// Lends connections of a pool for reading.
#[derive(Clone)]
pub(super) struct Readers {
    pool: Pool<PostgresManager>,
    latest: Arc<Mutex<Latest>>,
}

/// The connection that was last lent for short reads, for as long as anybody has it.
#[derive(Default)]
struct Latest {
    shared: Weak<Loan<PostgresManager>>,
    joined: u32,
}

impl Latest {
    /// Takes part in it, if it has room.
    fn join(&mut self) -> Option<Shared> {
        let shared = self.shared.upgrade()?;
        // One is the one just made.
        let is_free = Arc::strong_count(&shared) <= AT_ONCE && self.joined < IN_ALL;
        if !is_free || !shared.connection().is_usable() {
            return None;
        }
        self.joined += 1;
        Some(shared)
    }
}

impl Readers {
    pub(super) fn new(pool: Pool<PostgresManager>) -> Self {
        Self { pool, latest: Arc::default() }
    }

    /// A connection for one read.
    ///
    /// # Errors
    /// As [`Pool::get`].
    pub(super) async fn get(&self, extent: Extent) -> Result<Reader, DbError> {
        if extent == Extent::Long {
            return Ok(Reader::Postgres(Arc::new(self.pool.get().await?)));
        }
        if let Some(shared) = self.latest().join() {
            return Ok(Reader::Postgres(shared));
        }
        let shared = Arc::new(self.pool.get().await?);
        if !shared.connection().session().is_shareable() {
            return Ok(Reader::Postgres(shared));
        }
        *self.latest() = Latest { shared: Arc::downgrade(&shared), joined: 1 };
        Ok(Reader::Postgres(shared))
    }

    /// What `query` reads. Where its connection is lost, which may be the end of another's read as well, it is asked once more on
    /// one of its own.
    ///
    /// # Errors
    /// As [`Pool::get`], and those of `query`.
    pub(super) async fn read<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        extent: Extent,
        query: impl Fn(Reader) -> F,
    ) -> Result<T, DbError> {
        match query(self.get(extent).await?).await {
            Err(error) if error.is_lost_connection() => query(self.get(Extent::Long).await?).await,
            result => result,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.pool.usage()
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
