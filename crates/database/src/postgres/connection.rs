//! Pooled connections that know whether a statement is in flight on them.
//!
//! A caller may leave in the middle of a statement, when its client disconnects or its time is
//! over. The server works on, and the next user of the connection would wait for that. So such a
//! connection is closed, and the server is asked to cancel the statement.

use std::sync::atomic::{AtomicBool, Ordering};

use bb8::ManageConnection;
use diesel::QueryResult;
use diesel::result::Error as DieselError;
use diesel_async::pooled_connection::PoolError;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::generation::Generation;
use super::row::Answer;
use super::server::{CONNECT_TIMEOUT, Server};
use super::session::Session;
use super::statement::Statement;
use crate::server_error::ServerError;

/// A connection of a pool.
pub struct PostgresConnection {
    session: Session,
    tls: MakeRustlsConnect,
    is_abandoned: AtomicBool,
    generation: Generation,
}

/// Marks its connection as abandoned unless it is forgotten.
struct InFlight<'a>(&'a PostgresConnection);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.is_abandoned.store(true, Ordering::Relaxed);
    }
}

impl PostgresConnection {
    pub(super) async fn run(&self, statement: &Statement) -> QueryResult<Answer> {
        self.watch(self.session.run(statement)).await
    }

    pub(super) async fn execute_batch(&self, text: &str) -> QueryResult<()> {
        self.watch(self.session.execute_batch(text)).await
    }

    /// Begins a transaction, without a round trip.
    pub(crate) fn begin(&self) {
        self.session.begin();
    }

    /// See [`Session::commit`].
    pub(crate) async fn commit(&self) -> QueryResult<()> {
        self.watch(self.session.commit()).await
    }

    /// See [`Session::roll_back`].
    pub(crate) async fn roll_back(&self) -> QueryResult<()> {
        self.watch(self.session.roll_back()).await
    }

    /// See [`Session::refresh_statements`].
    pub(crate) fn refresh_statements(&self) -> bool {
        self.session.refresh_statements()
    }

    async fn watch<T>(&self, exchange: impl Future<Output = QueryResult<T>>) -> QueryResult<T> {
        let in_flight = InFlight(self);
        let result = exchange.await;
        // Not reached when the caller leaves in the middle.
        std::mem::forget(in_flight);
        if let Err(error) = &result
            && ServerError::of(error).is_some_and(ServerError::is_read_only)
            && self.generation.end()
        {
            tracing::warn!("the database server takes no writes any more: its connections are closed");
        }
        result
    }

    /// Whether another statement may be sent on it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_abandoned() && self.session.is_usable() && self.generation.is_current()
    }

    /// Whether several callers may read on it at once.
    pub(super) fn is_shareable(&self) -> bool {
        self.session.is_shareable()
    }

    fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }
}

impl Drop for PostgresConnection {
    fn drop(&mut self) {
        if !self.is_abandoned() {
            return;
        }
        // Without a runtime the process is about to end, and its connections with it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (statement, tls) = (self.session.cancel_token(), self.tls.clone());
        runtime.spawn(async move {
            // If this fails, `statement_timeout` ends the statement. It always fails behind a
            // pooler, which forgets the request when the driver closes the connection that brought
            // it.
            let cancelled = tokio::time::timeout(CONNECT_TIMEOUT, statement.cancel_query(tls)).await;
            tracing::debug!(?cancelled, "cancelled a statement whose caller has left");
        });
    }
}

/// Opens and checks connections. The checks are local: a query would double the round trips of
/// every request.
pub struct PostgresManager {
    server: Server,
}

impl PostgresManager {
    pub(super) fn new(server: Server) -> Self {
        Self { server }
    }
}

impl ManageConnection for PostgresManager {
    // Boxed, because a connection is moved several times on its way to the caller.
    type Connection = Box<PostgresConnection>;
    type Error = PoolError;

    async fn connect(&self) -> Result<Box<PostgresConnection>, PoolError> {
        // Taken first: a failover found out while this opens may concern it too.
        let generation = self.server.generations().current();
        let session = self.server.open().await.map_err(PoolError::ConnectionError)?;
        generation.includes(session.driver());
        Ok(Box::new(PostgresConnection {
            session,
            tls: self.server.tls().clone(),
            is_abandoned: AtomicBool::new(false),
            generation,
        }))
    }

    async fn is_valid(&self, connection: &mut Box<PostgresConnection>) -> Result<(), PoolError> {
        if self.has_broken(connection) {
            return Err(PoolError::QueryError(DieselError::BrokenTransactionManager));
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut Box<PostgresConnection>) -> bool {
        !connection.is_usable() || connection.session.is_in_transaction()
    }
}
