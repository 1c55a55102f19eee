//! Connections to PostgreSQL that know whether a statement is under way on them.
//!
//! A caller may leave in the middle of a statement: its client has gone, or its time is over. The server works on, and
//! whoever got that connection next would wait for it. So it goes to nobody, and the server is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use bb8::ManageConnection;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, PoolError};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::CONNECT_TIMEOUT;

/// A connection of a pool.
pub struct PostgresConnection {
    connection: AsyncPgConnection,
    tls: MakeRustlsConnect,
    is_abandoned: AtomicBool,
}

/// A statement that is under way. Dropped before it is [`done`](Self::done), it leaves its connection abandoned.
pub(crate) struct UnderWay<'a>(&'a AtomicBool);

impl UnderWay<'_> {
    pub(crate) fn done(self) {
        std::mem::forget(self);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl PostgresConnection {
    /// For one statement.
    pub(crate) fn begin(&self) -> (&AsyncPgConnection, UnderWay<'_>) {
        (&self.connection, UnderWay(&self.is_abandoned))
    }

    /// For one statement that begins or ends a transaction.
    pub(super) fn begin_alone(&mut self) -> (&mut AsyncPgConnection, UnderWay<'_>) {
        (&mut self.connection, UnderWay(&self.is_abandoned))
    }

    /// Whether another statement may be sent on it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_abandoned.load(Ordering::Relaxed)
    }
}

impl Drop for PostgresConnection {
    fn drop(&mut self) {
        if self.is_usable() {
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
}

impl PostgresManager {
    /// `tls` is what `inner` connects with.
    pub(super) fn new(
        inner: AsyncDieselConnectionManager<AsyncPgConnection>,
        tls: MakeRustlsConnect,
    ) -> Self {
        Self { inner, tls }
    }
}

impl ManageConnection for PostgresManager {
    // Boxed, because a connection is handed on several times on its way to who asked for it.
    type Connection = Box<PostgresConnection>;
    type Error = PoolError;

    async fn connect(&self) -> Result<Box<PostgresConnection>, PoolError> {
        let connection = self.inner.connect().await?;
        Ok(Box::new(PostgresConnection {
            connection,
            tls: self.tls.clone(),
            is_abandoned: AtomicBool::new(false),
        }))
    }

    async fn is_valid(&self, connection: &mut Box<PostgresConnection>) -> Result<(), PoolError> {
        self.inner.is_valid(&mut connection.connection).await
    }

    fn has_broken(&self, connection: &mut Box<PostgresConnection>) -> bool {
        !connection.is_usable() || self.inner.has_broken(&mut connection.connection)
    }
}
