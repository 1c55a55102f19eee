//! A connection to either database, and transactions on it.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::AnsiTransactionManager;
use diesel::dsl::sql;
use diesel::result::Error::{BrokenTransactionManager, NotInTransaction};
use diesel::sql_types::{BigInt, Bool};
use diesel_async::{RunQueryDsl, TransactionManager};
use tracing::{Instrument, Span};

use crate::error::DbError;
use crate::pool::PooledConnection;
use crate::postgres::PostgresConnection::{self, Pooled};
use crate::prepared;
use crate::sqlite::{SqliteConnection, SqliteManager, SqlitePools, SqliteTransactions};

/// The span of a query or a transaction, with the target that is exported.
macro_rules! span {
    ($name:expr, $system:expr) => {
        // Work of the service itself, such as checks of replicas, starts no trace.
        if Span::current().is_none() {
            Span::none()
        } else {
            tracing::info_span!(
                target: "otel::span", "part", otel.name = $name, otel.kind = "client", db.system.name = $system
            )
        }
    };
}
pub(crate) use span;

/// What runs queries, on either database. The macro [`on`](crate::on) runs one.
pub struct Connection {
    inner: Inner,
    /// `None` outside of a transaction.
    on_commit: Option<Vec<CommitHook>>,
}

type CommitHook = Box<dyn FnOnce() + Send>;

#[allow(
    clippy::large_enum_variant,
    reason = "a process has only one kind; boxing would allocate per request"
)]
pub(crate) enum Inner {
    Postgres(PostgresConnection),
    Sqlite(PooledConnection<SqliteManager>),
    /// One that the first statement takes from the pool of readers.
    SqliteReads(Arc<SqlitePools>),
}

/// What Diesel runs a query on.
pub enum Backend<'a> {
    /// For PostgreSQL.
    Postgres(&'a mut PostgresConnection),
    /// For SQLite.
    Sqlite(&'a mut SqliteConnection),
}

/// Runs a query, written once, on the connection's database: `on!(connection, |c| query.load(c))`.
/// The query is compiled once per database, so the types of both are checked. Evaluates to Diesel's
/// `QueryResult`. Needs `diesel_async::RunQueryDsl` in scope, and an async function around it.
#[macro_export]
macro_rules! on {
    ($connection:expr, |$c:ident| $query:expr) => {
        match $connection.backend().await {
            Ok($crate::__private::Backend::Postgres($c)) => {
                let span = $crate::__private::query_span("postgresql", || {});
                $crate::__private::Instrument::instrument($query, span).await
            }
            Ok($crate::__private::Backend::Sqlite($c)) => {
                let span = $crate::__private::query_span("sqlite", || {});
                $crate::__private::Instrument::instrument($query, span).await
            }
            Err(error) => Err(error),
        }
    };
}

/// Executes a statement whose result does not matter, at the end of the transaction: on PostgreSQL it
/// costs no round trip, because it travels together with COMMIT. If it fails, the transaction is
/// rolled back. Outside of a transaction it is executed at once. As for [`on`](crate::on), the query
/// is compiled once per database.
#[macro_export]
macro_rules! at_commit {
    ($connection:expr, $query:expr) => {
        match $connection.backend().await {
            Ok($crate::__private::Backend::Postgres(connection)) => {
                connection.execute_at_commit($query).await
            }
            Ok($crate::__private::Backend::Sqlite(connection)) => {
                let span = $crate::__private::query_span("sqlite", || {});
                $crate::__private::Instrument::instrument($query.execute(connection), span).await
            }
            Err(error) => Err(error),
        }
    };
}

/// The span of a query, named after the function that contains the closure `_place`.
pub fn query_span<T>(system: &'static str, _place: T) -> Span {
    span!(name_of(std::any::type_name::<T>()), system)
}

/// `users::find` of `app::models::users::find::{{closure}}::{{closure}}`.
fn name_of(place: &str) -> &str {
    let function = place.find("::{{closure}}").map_or(place, |end| &place[..end]);
    let module = function.rsplit("::").nth(1).map_or(0, str::len);
    let name = function.rsplit("::").next().map_or(0, str::len);
    &function[function.len().saturating_sub(module + "::".len() + name)..]
}

impl Connection {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner, on_commit: None }
    }

    /// Runs `hook` once the transaction has been committed, and never if it is rolled back. Outside
    /// of a transaction each statement commits by itself, so `hook` runs at once. It must not
    /// block.
    pub fn after_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        match &mut self.on_commit {
            Some(hooks) => hooks.push(Box::new(hook)),
            None => hook(),
        }
    }

    /// For the macro [`on`](crate::on) alone.
    #[doc(hidden)]
    pub async fn backend(&mut self) -> QueryResult<Backend<'_>> {
        if let Inner::SqliteReads(pools) = &self.inner {
            self.inner = Inner::Sqlite(pools.readers.get().await.map_err(DbError::into_diesel)?);
        }
        Ok(match &mut self.inner {
            Inner::Postgres(connection) => Backend::Postgres(connection),
            Inner::Sqlite(connection) => Backend::Sqlite(connection),
            Inner::SqliteReads(_) => return Err(BrokenTransactionManager),
        })
    }

    /// Runs `work` as one transaction: committed when it succeeds, rolled back when it returns an
    /// error. When it is dropped half-way, the connection is closed, which rolls back too.
    ///
    /// It runs again from its beginning if a prepared statement was outdated because its table was
    /// altered or the server has forgotten it.
    pub(crate) async fn transaction<T, E: From<DbError>>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        match self.attempt(work.clone()).await {
            Err(_) if matches!(&self.inner, Inner::Postgres(Pooled(session)) if session.was_stale()) => {
                self.attempt(work).await
            }
            result => result,
        }
    }

    async fn attempt<T, E: From<DbError>>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin().await.map_err(DbError::from)?;
        self.on_commit = Some(Vec::new());
        let result = work(self).await;
        let hooks = self.on_commit.take();
        match result {
            Ok(value) => {
                self.commit().await.map_err(DbError::from)?;
                hooks.into_iter().flatten().for_each(|hook| hook());
                Ok(value)
            }
            Err(error) => {
                // The caller's error matters more; the pool closes a connection that cannot roll
                // back.
                if let Err(failed) = self.roll_back().await {
                    tracing::warn!(error = %failed, "a transaction could not be rolled back; its connection is closed");
                }
                Err(error)
            }
        }
    }

    async fn begin(&mut self) -> QueryResult<()> {
        match &mut self.inner {
            Inner::Postgres(Pooled(session)) => session.begin(),
            // A deferred transaction that starts to write fails if another has written meanwhile.
            Inner::Sqlite(connection) => {
                connection
                    .spawn_blocking(|c| AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"))
                    .await?;
            }
            _ => return Err(NotInTransaction),
        }
        Ok(())
    }

    async fn commit(&mut self) -> QueryResult<()> {
        match &mut self.inner {
            Inner::Postgres(Pooled(session)) => {
                session.commit().instrument(query_span("postgresql", || {})).await
            }
            Inner::Sqlite(connection) => {
                let commit = SqliteTransactions::commit_transaction(connection);
                commit.instrument(query_span("sqlite", || {})).await
            }
            _ => Err(NotInTransaction),
        }
    }

    async fn roll_back(&mut self) -> QueryResult<()> {
        match &mut self.inner {
            Inner::Postgres(Pooled(session)) => {
                session.roll_back().instrument(query_span("postgresql", || {})).await
            }
            Inner::Sqlite(connection) => {
                let rollback = SqliteTransactions::rollback_transaction(connection);
                rollback.instrument(query_span("sqlite", || {})).await
            }
            _ => Err(NotInTransaction),
        }
    }

    /// Waits for the advisory lock with this id and holds it to the end of the transaction. SQLite
    /// runs one write transaction at a time and needs none.
    ///
    /// # Errors
    /// When the wait takes longer than a statement may.
    pub async fn lock(&mut self, id: i64) -> Result<(), DbError> {
        if matches!(self.inner, Inner::Postgres(_)) {
            on!(self, |c| diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
                .bind::<BigInt, _>(id)
                .execute(c))?;
        }
        Ok(())
    }

    /// Takes the advisory lock with this id to the end of the transaction, unless another one has it.
    /// Returns whether it did. On SQLite it always does: one write transaction runs at a time.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn try_lock(&mut self, id: i64) -> Result<bool, DbError> {
        if !matches!(self.inner, Inner::Postgres(_)) {
            return Ok(true);
        }
        let lock = sql::<Bool>("pg_try_advisory_xact_lock(").bind::<BigInt, _>(id).sql(")");
        Ok(on!(self, |c| prepared(diesel::select(lock)).get_result(c))?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::name_of;
    use crate::url::{DatabaseUrl, PoolMode};
    use crate::{Config, Database, DbError, PoolSize};

    #[tokio::test(flavor = "multi_thread")]
    async fn hooks_run_after_the_commit_and_not_after_a_rollback() {
        let folder = tempfile::tempdir().unwrap();
        let limit = Duration::from_secs(30);
        let database = Database::new(&Config {
            url: DatabaseUrl::Sqlite(folder.path().join("test.db")),
            replica_urls: Vec::new(),
            pool_mode: PoolMode::Session,
            application_name: String::new(),
            pool_size: PoolSize { min_idle: 1, max_size: 1 },
            pool_timeout: limit,
            statement_timeout: limit,
            write_timeout: limit,
        })
        .unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let add = |event: &'static str| {
            let events = Arc::clone(&events);
            move || events.lock().unwrap().push(event)
        };
        let committed = database.transaction(async |tx| {
            tx.after_commit(add("first"));
            tx.after_commit(add("second"));
            add("work")();
            Ok::<_, DbError>(())
        });
        committed.await.unwrap();
        let rolled_back = database.transaction(async |tx| {
            tx.after_commit(add("never"));
            Err::<(), _>(DbError::Tls("any error".to_owned()))
        });
        rolled_back.await.unwrap_err();
        database.write().await.unwrap().after_commit(add("at once"));
        assert_eq!(*events.lock().unwrap(), ["work", "first", "second", "at once"]);
    }

    #[test]
    fn a_query_is_named_after_its_function() {
        for (place, name) in [
            ("groundwork::models::users::find::{{closure}}::{{closure}}", "users::find"),
            ("groundwork::models::users::find", "users::find"),
            ("find", "find"),
            ("", ""),
        ] {
            assert_eq!(name_of(place), name, "{place}");
        }
    }
}
