//! Connections on which several callers look something up at the same time.
//!
//! A look-up reads a row or two by their key. PostgreSQL answers it sooner than the kernel hands it over, so that most of what
//! one costs is being sent and received by itself. On one connection those that come at the same time travel together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::connection::LookUp;
use super::error::DbError;
use super::pool::{Loan, Pool};
use super::postgres::PostgresManager;

/// How many look-ups are under way on a connection at the most. PostgreSQL answers them one after the other, on one core; and
/// so many wait when one of them hangs, until their requests have no time left.
const AT_ONCE: usize = 8;

/// How many look-ups share a connection in all, before it is given back to whoever has waited longest for one.
const IN_ALL: u32 = 64;

/// A connection that is lent to several.
pub type Shared = Arc<Loan<PostgresManager>>;

/// Lends connections of a pool to several at once.
#[derive(Clone)]
pub(super) struct LookUps {
    pool: Pool<PostgresManager>,
    latest: Arc<Mutex<Latest>>,
}

/// The connection that was lent last, for as long as anybody has it.
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

impl LookUps {
    pub(super) fn new(pool: Pool<PostgresManager>) -> Self {
        Self { pool, latest: Arc::default() }
    }

    /// What `look_up` finds. Where its connection is lost, which may be the end of another's as well, it is asked once more
    /// on one of its own.
    ///
    /// # Errors
    /// As [`Pool::get`], and those of `look_up`.
    pub(super) async fn ask<T, F: Future<Output = Result<T, DbError>>>(
        &self,
        look_up: impl Fn(LookUp) -> F,
    ) -> Result<T, DbError> {
        match look_up(LookUp::Postgres(self.share().await?)).await {
            Err(error) if error.is_lost_connection() => {
                look_up(LookUp::Postgres(Arc::new(self.pool.get().await?))).await
            }
            result => result,
        }
    }

    async fn share(&self) -> Result<Shared, DbError> {
        if let Some(shared) = self.latest().join() {
            return Ok(shared);
        }
        let shared = Arc::new(self.pool.get().await?);
        *self.latest() = Latest { shared: Arc::downgrade(&shared), joined: 1 };
        Ok(shared)
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
