//! What Diesel runs a statement on.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::Error;
use diesel_async::{AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::PostgresPools;
use super::connector::PgConnector;
use super::row::{Answer, PgRow, Rows};
use super::statement::Statement;
use crate::error::DbError;
use crate::pool::PooledConnection;

/// Runs statements of one caller.
pub enum PostgresConnection {
    /// On this connection.
    Pooled(PooledConnection<PgConnector>),
    /// Each on a connection that the pools choose. Statements must only read, and be no part of a
    /// transaction.
    Reads {
        /// Of the primary and its replicas.
        pools: Arc<PostgresPools>,
        /// Whether a replica's answer will do.
        may_lag: bool,
    },
}

impl PostgresConnection {
    async fn run(&self, statement: QueryResult<Statement>) -> QueryResult<Answer> {
        let statement = statement?;
        match self {
            Self::Pooled(session) => session.run(&statement).await,
            Self::Reads { pools, may_lag } => {
                pools.read(&statement, *may_lag).await.map_err(DbError::into_diesel)
            }
        }
    }

    /// For the macro [`at_commit`](crate::at_commit) alone.
    #[doc(hidden)]
    pub async fn execute_at_commit<T>(&mut self, query: T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        let statement = Statement::new(&query);
        drop(query);
        match self {
            Self::Pooled(session) if session.is_in_transaction() => {
                session.defer(statement?);
                Ok(0)
            }
            _ => self.run(statement).await.map(Answer::count),
        }
    }
}

impl SimpleAsyncConnection for PostgresConnection {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        match self {
            Self::Pooled(session) => session.execute_batch(query).await,
            Self::Reads { .. } => Err(Error::QueryBuilderError("a batch needs one connection".into())),
        }
    }
}

impl AsyncConnectionCore for PostgresConnection {
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
        self.run(Statement::new(&source.as_query())).map(|answer| answer.map(Answer::rows)).boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> BoxFuture<'conn, QueryResult<usize>>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        self.run(Statement::new(&source)).map(|answer| answer.map(Answer::count)).boxed()
    }
}
