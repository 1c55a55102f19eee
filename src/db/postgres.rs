//! Connections to PostgreSQL that know whether a statement is under way on them.
//!
//! A caller may leave in the middle of a statement: its client has gone, or its time is over. The server works on, and
//! whoever got that connection next would wait for it. So it goes to nobody, and the server is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use bb8::ManageConnection;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, PoolError};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::CONNECT_TIMEOUT;
use super::generation::{Generation, Generations};

/// A connection of a pool.
pub struct PostgresConnection {
    connection: AsyncPgConnection,
    tls: MakeRustlsConnect,
    is_abandoned: AtomicBool,
    generation: Generation,
}

/// A statement that is under way. Dropped before it is [`done`](Self::done), it leaves its connection abandoned.
pub(crate) struct UnderWay<'a> {
    is_abandoned: &'a AtomicBool,
    generation: &'a Generation,
}

impl UnderWay<'_> {
    /// It ended like this.
    pub(crate) fn done<T>(self, result: &QueryResult<T>) {
        self.generation.learn(result);
        std::mem::forget(self);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }
}

impl PostgresConnection {
    /// For one statement.
    pub(crate) fn begin(&self) -> (&AsyncPgConnection, UnderWay<'_>) {
        let under_way = UnderWay { is_abandoned: &self.is_abandoned, generation: &self.generation };
        (&self.connection, under_way)
    }

    /// For one statement that begins or ends a transaction.
    pub(super) fn begin_alone(&mut self) -> (&mut AsyncPgConnection, UnderWay<'_>) {
        let under_way = UnderWay { is_abandoned: &self.is_abandoned, generation: &self.generation };
        (&mut self.connection, under_way)
    }

    /// Whether another statement may be sent on it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_abandoned.load(Ordering::Relaxed) && self.generation.is_current()
    }
}

impl Drop for PostgresConnection {
    fn drop(&mut self) {
        if !self.is_abandoned.load(Ordering::Relaxed) {
            return;
        }
        // Without a runtime the process is about to end, and its connections with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (statement, tls) = (self.connection.cancel_token(), self.tls.clone());
        runtime.spawn(async move {
            // When the server cannot be told, `statement_timeout` ends what it is at.
            let told = tokio::time::timeout(CONNECT_TIMEOUT, statement.cancel_query(tls)).await;
            tracing::debug!(?told, "cancelled a statement whose caller has left");
        });
    }
}

/// Opens and checks connections to PostgreSQL.
pub struct PostgresManager {
    inner: AsyncDieselConnectionManager<AsyncPgConnection>,
    tls: MakeRustlsConnect,
    generations: Generations,
}

impl PostgresManager {
    /// `tls` is what `inner` connects with.
    pub(super) fn new(
        inner: AsyncDieselConnectionManager<AsyncPgConnection>,
        tls: MakeRustlsConnect,
        generations: Generations,
    ) -> Self {
        Self { inner, tls, generations }
    }
}

impl ManageConnection for PostgresManager {
    // Boxed, because a connection is handed on several times on its way to who asked for it.
    type Connection = Box<PostgresConnection>;
    type Error = PoolError;

    async fn connect(&self) -> Result<Box<PostgresConnection>, PoolError> {
        let generation = self.generations.current();
        let connection = self.inner.connect().await?;
        Ok(Box::new(PostgresConnection {
            connection,
            tls: self.tls.clone(),
            is_abandoned: AtomicBool::new(false),
            generation,
        }))
    }

    async fn is_valid(&self, connection: &mut Box<PostgresConnection>) -> Result<(), PoolError> {
        if !connection.is_usable() {
            return Err(PoolError::QueryError(diesel::result::Error::BrokenTransactionManager));
        }
        self.inner.is_valid(&mut connection.connection).await
    }

    fn has_broken(&self, connection: &mut Box<PostgresConnection>) -> bool {
        !connection.is_usable() || self.inner.has_broken(&mut connection.connection)
    }
}
