//! Connections to PostgreSQL that know whether a statement is under way on them.
//!
//! A caller may leave in the middle of a statement: its client has gone, or its time is over. The server works on, and
//! whoever got that connection next would wait for it. So it goes to nobody, and the server is told to stop.

mod answer;
mod migration;
mod session;

use std::sync::atomic::{AtomicBool, Ordering};

use bb8::ManageConnection;
use diesel::result::Error as DieselError;
use diesel_async::pooled_connection::PoolError;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::{CONNECT_TIMEOUT, Server};
use super::generation::Generation;
use super::server_error::ServerError;
pub(super) use migration::MigrationConnection;
pub(super) use session::Manner;
pub use session::Session;

/// A connection of a pool.
pub struct PostgresConnection {
    session: Session,
    tls: MakeRustlsConnect,
    is_abandoned: AtomicBool,
    generation: Generation,
}

/// A statement that is under way. Dropped before it is [`done`](Self::done), it leaves its connection abandoned.
pub(crate) struct UnderWay<'a>(&'a PostgresConnection);

impl UnderWay<'_> {
    /// With what came of it.
    pub(crate) fn done<T>(self, result: Result<T, DieselError>) -> Result<T, DieselError> {
        if let Err(error) = &result
            && ServerError::of(error).is_some_and(ServerError::is_read_only)
            && self.0.generation.end()
        {
            tracing::warn!("the database server takes no writes any more: its connections are closed");
        }
        std::mem::forget(self);
        result
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.is_abandoned.store(true, Ordering::Relaxed);
    }
}

impl PostgresConnection {
    /// For one statement.
    pub(crate) fn begin(&self) -> (&Session, UnderWay<'_>) {
        (&self.session, UnderWay(self))
    }

    /// What is known of the connection without asking the server.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Whether another statement may be sent on it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_abandoned() && self.session.is_usable() && self.generation.is_current()
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
            // When the server cannot be told, `statement_timeout` ends what it is at. A pooler cannot: it forgets the request when the
            // driver closes the connection that brought it, which is at once.
            let told = tokio::time::timeout(CONNECT_TIMEOUT, statement.cancel_query(tls)).await;
            tracing::debug!(?told, "cancelled a statement whose caller has left");
        });
    }
}

/// Opens and checks connections to PostgreSQL. They are checked by what is known of them here: asking the server would double the
/// round trips of every request.
pub struct PostgresManager {
    server: Server,
}

impl PostgresManager {
    pub(super) fn new(server: Server) -> Self {
        Self { server }
    }
}

impl ManageConnection for PostgresManager {
    // Boxed, because a connection is handed on several times on its way to who asked for it.
    type Connection = Box<PostgresConnection>;
    type Error = PoolError;

    async fn connect(&self) -> Result<Box<PostgresConnection>, PoolError> {
        // Before it is opened: what is found out meanwhile may hold for it too.
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
