//! What Diesel needs to run migrations in a session, in which it manages transactions itself and
//! may nest them.

use std::sync::{Mutex, PoisonError};

use diesel::connection::{CacheSize, DynInstrumentation, Instrumentation};
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::{ConnectionError, ConnectionResult, QueryResult};
use diesel_async::{AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::connector::PgConnector;
use super::row::{PgRow, Rows};
use super::session::PgSession;
use super::statement::Statement;
use crate::error::DbError;
use crate::url::{PoolMode, PostgresUrl};

/// See the module.
pub(crate) struct MigrationConnection {
    session: PgSession,
    transaction: AnsiTransactionManager,
    instrumentation: Mutex<DynInstrumentation>,
}

impl MigrationConnection {
    /// # Errors
    /// When none can be opened.
    pub(crate) async fn open(url: &PostgresUrl, mode: PoolMode) -> Result<Self, DbError> {
        let session =
            PgConnector::new(url, mode)?.open().await.map_err(|error| DbError::cannot_connect(&error))?;
        let instrumentation = Mutex::new(DynInstrumentation::none());
        Ok(Self { session, transaction: AnsiTransactionManager::default(), instrumentation })
    }
}

impl SimpleAsyncConnection for MigrationConnection {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.session.execute_batch(query).await
    }
}

impl AsyncConnectionCore for MigrationConnection {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Rows>>;
    type Stream<'conn, 'query> = Rows;
    type Row<'conn, 'query> = PgRow;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> BoxFuture<'conn, QueryResult<Rows>>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let statement = Statement::new(&source.as_query());
        async { Ok(self.session.run(&statement?).await?.rows()) }.boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> BoxFuture<'conn, QueryResult<usize>>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let statement = Statement::new(&source);
        async { Ok(self.session.run(&statement?).await?.count()) }.boxed()
    }
}

impl AsyncConnection for MigrationConnection {
    type TransactionManager = AnsiTransactionManager;

    async fn establish(_: &str) -> ConnectionResult<Self> {
        Err(ConnectionError::BadConnection("a session is opened by its server".to_owned()))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transaction
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut **self.instrumentation.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = Mutex::new(instrumentation.into());
    }

    fn set_prepared_statement_cache_size(&mut self, _: CacheSize) {}
}
