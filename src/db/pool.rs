//! bb8 with a fair queue in front of it and its errors behind it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bb8::{ManageConnection, PooledConnection, QueueStrategy};
use diesel_async::pooled_connection::PoolError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::error::{DbError, Unavailable};

/// An idle connection above the number kept is closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// How many connections a pool holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolSize {
    /// Kept open when idle.
    pub kept: u32,
    /// Open at the most.
    pub most: u32,
}

pub(super) struct Pool<M: ManageConnection> {
    connections: bb8::Pool<M>,
    /// bb8 alone lets newcomers overtake; tokio's semaphore is first come, first served.
    turns: Arc<Semaphore>,
    failures: Failures,
    timeout: Duration,
}

impl<M: ManageConnection> Clone for Pool<M> {
    fn clone(&self) -> Self {
        Self {
            connections: self.connections.clone(),
            turns: Arc::clone(&self.turns),
            failures: self.failures.clone(),
            timeout: self.timeout,
        }
    }
}

/// A connection on loan; it goes back to the pool when dropped.
pub struct Loan<M: ManageConnection> {
    // In this order: the connection is back before the next in line is called.
    connection: PooledConnection<'static, M>,
    _turn: OwnedSemaphorePermit,
}

impl<M: ManageConnection> Loan<M> {
    pub(crate) fn connection(&mut self) -> &mut M::Connection {
        &mut self.connection
    }
}

impl<M: ManageConnection<Error = PoolError>> Pool<M> {
    pub(super) fn new(manager: M, size: PoolSize, timeout: Duration) -> Self {
        let failures = Failures::default();
        let connections = bb8::Pool::builder()
            .max_size(size.most)
            .min_idle(Some(size.kept))
            .idle_timeout(Some(IDLE_TIMEOUT))
            // The last returned is the first reused, so that what is above the need grows old and is closed.
            .queue_strategy(QueueStrategy::Lifo)
            .connection_timeout(timeout)
            // Trying again within one caller's wait would hide that the database is away.
            .retry_connection(false)
            .error_sink(Box::new(failures.clone()))
            .build_unchecked(manager);
        let turns = Arc::new(Semaphore::new(size.most as usize));
        Self { connections, turns, failures, timeout }
    }

    /// A connection, in the order of asking.
    pub(super) async fn get(&self) -> Result<Loan<M>, DbError> {
        let deadline = Instant::now() + self.timeout;
        let exhausted = || DbError::Unavailable(Unavailable::PoolExhausted);
        let turn = timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| exhausted())?.map_err(|_| exhausted())?;
        tokio::select! {
            biased;
            loan = timeout_at(deadline, self.connections.get_owned()) => match loan {
                Ok(Ok(connection)) => Ok(Loan { connection, _turn: turn }),
                Ok(Err(_)) | Err(_) => Err(self.failures.last().map_or_else(exhausted, cannot_connect)),
            },
            reason = self.cannot_open_any() => Err(cannot_connect(reason)),
        }
    }

    /// Returns when opening a connection fails while there is no other to wait for: then waiting is in vain.
    async fn cannot_open_any(&self) -> String {
        loop {
            self.failures.next().await;
            if self.connections.state().connections == 0 {
                return self.failures.last().unwrap_or_default();
            }
        }
    }
}

fn cannot_connect(reason: String) -> DbError {
    DbError::Unavailable(Unavailable::CannotConnect(reason))
}

/// What bb8 would otherwise swallow: the reason why a connection could not be opened.
#[derive(Clone, Debug, Default)]
struct Failures {
    inner: Arc<(Mutex<Option<String>>, Notify)>,
}

impl Failures {
    async fn next(&self) {
        self.inner.1.notified().await;
    }

    fn last(&self) -> Option<String> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl bb8::ErrorSink<PoolError> for Failures {
    fn sink(&self, error: PoolError) {
        // A connection that was found broken before use is replaced; only failing to open one is news.
        if let PoolError::ConnectionError(error) = error {
            tracing::warn!(%error, "cannot open a database connection");
            *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            self.inner.1.notify_waiters();
        }
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<PoolError>> {
        Box::new(self.clone())
    }
}
