//! A connection to either database, and units of work on it.

use diesel::connection::AnsiTransactionManager;
use diesel_async::{AsyncConnection, RunQueryDsl, TransactionManager};
use tracing::Instrument;

use super::connect::{SqliteConnection, SqliteManager};
use super::error::DbError;
use super::pool::Loan;
use super::postgres::{PostgresConnection, PostgresManager};
use super::readers::Shared;
use crate::core::telemetry::traces::span_of;

/// A connection to the database in use. [`on`] runs one query on either kind.
#[allow(
    clippy::large_enum_variant,
    reason = "a process has only one kind; boxing would allocate per request"
)]
pub enum Connection {
    /// To PostgreSQL.
    Postgres(Loan<PostgresManager>),
    /// To SQLite.
    Sqlite(Loan<SqliteManager>),
}

/// A connection to read with once, which others may do at the same time.
#[allow(
    clippy::large_enum_variant,
    reason = "a process has only one kind; boxing would allocate per request"
)]
pub enum Reader {
    /// To PostgreSQL.
    Postgres(Shared),
    /// To SQLite, by oneself: it answers one after the other anyway.
    Sqlite(Loan<SqliteManager>),
}

/// What a query is run on.
pub(crate) enum Tier<'a> {
    Postgres(&'a PostgresConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl Connection {
    pub(crate) fn tier(&mut self) -> Tier<'_> {
        match self {
            Self::Postgres(loan) => Tier::Postgres(loan.connection()),
            Self::Sqlite(loan) => Tier::Sqlite(loan.connection_mut()),
        }
    }
}

impl Reader {
    pub(crate) fn tier(&mut self) -> Tier<'_> {
        match self {
            Self::Postgres(shared) => Tier::Postgres(shared.connection()),
            Self::Sqlite(loan) => Tier::Sqlite(loan.connection_mut()),
        }
    }
}

/// Runs a query, written once, on whichever database the connection leads to. The body is compiled once for
/// each, so the types of both are checked.
macro_rules! on {
    ($connection:expr, |$c:ident| $query:expr) => {
        match $connection.tier() {
            $crate::db::Tier::Postgres(connection) => {
                let (mut connection, under_way) = connection.begin();
                let $c = &mut connection;
                let span = $crate::db::query_span("postgresql", || {});
                let result = tracing::Instrument::instrument($query, span).await;
                // Not reached when the caller leaves in the middle.
                under_way.done(result)
            }
            $crate::db::Tier::Sqlite($c) => {
                let span = $crate::db::query_span("sqlite", || {});
                tracing::Instrument::instrument($query, span).await
            }
        }
    };
}
pub(crate) use on;

/// Ends a transaction.
macro_rules! end {
    ($connection:expr, $session:ident, $manager:ident) => {
        match $connection {
            Self::Postgres(loan) => {
                let (session, under_way) = loan.connection().begin();
                let span = query_span("postgresql", || {});
                under_way.done(session.$session().instrument(span).await)
            }
            Self::Sqlite(loan) => {
                let span = query_span("sqlite", || {});
                let connection = loan.connection_mut();
                <SqliteConnection as AsyncConnection>::TransactionManager::$manager(connection)
                    .instrument(span)
                    .await
            }
        }
    };
}

/// The span of a query, named after the function it is in, which is where `_place` was made.
pub(crate) fn query_span<T>(tier: &'static str, _place: T) -> tracing::Span {
    span_of!(name_of(std::any::type_name::<T>()), "client", db.system.name = tier)
}

/// `users::find` of `groundwork::models::users::find::{{closure}}::{{closure}}`.
fn name_of(place: &str) -> &str {
    let function = place.find("::{{closure}}").map_or(place, |end| &place[..end]);
    let module = function.rsplit("::").nth(1).map_or(0, str::len);
    let name = function.rsplit("::").next().map_or(0, str::len);
    &function[function.len().saturating_sub(module + "::".len() + name)..]
}

impl Connection {
    pub(super) async fn ping(&mut self) -> Result<(), DbError> {
        on!(self, |c| diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"))
            .get_result::<i32>(c))?;
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), DbError> {
        match self {
            Self::Postgres(loan) => loan.connection().session().begin_transaction(),
            // A deferred transaction that turns into a writing one fails when another wrote meanwhile.
            Self::Sqlite(loan) => {
                loan.connection_mut()
                    .spawn_blocking(|c| AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"))
                    .await?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        Ok(end!(self, commit, commit_transaction)?)
    }

    async fn rollback(&mut self) -> Result<(), DbError> {
        Ok(end!(self, roll_back, rollback_transaction)?)
    }
}

/// What several instances must not do at the same time.
#[derive(Clone, Copy, Debug)]
pub enum Lock {
    /// Taking rights from a superuser: somebody has to remain.
    Superusers = 0x6772_7501,
}

impl Connection {
    /// Runs `work` as one unit: committed when it succeeds, rolled back when it returns an error. When the caller
    /// is gone half-way, the connection is closed with its transaction open, which undoes it too.
    ///
    /// It is run once more, from its beginning, when the first run met a statement that was prepared on the connection and is not
    /// what it was: its table was altered, or the server has forgotten it.
    pub(super) async fn transaction<T, E: From<DbError>>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, E> + Clone,
    ) -> Result<T, E> {
        let result = self.unit(work.clone()).await;
        if result.is_err() && self.has_refreshed_statements() {
            return self.unit(work).await;
        }
        result
    }

    async fn unit<T, E: From<DbError>>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin().await?;
        match work(self).await {
            Ok(value) => {
                self.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // The caller's error matters more; a connection that cannot roll back is closed by the pool.
                if let Err(failed) = self.rollback().await {
                    tracing::warn!(error = %failed, "a transaction could not be rolled back; its connection is closed");
                }
                Err(error)
            }
        }
    }

    fn has_refreshed_statements(&self) -> bool {
        match self {
            Self::Postgres(loan) => loan.connection().session().has_refreshed_statements(),
            Self::Sqlite(_) => false,
        }
    }

    /// Waits for `lock` and holds it to the end of the transaction. A writer of SQLite is alone anyway.
    ///
    /// # Errors
    /// When the wait takes longer than a statement may.
    pub async fn lock(&mut self, lock: Lock) -> Result<(), DbError> {
        if matches!(self, Self::Postgres(_)) {
            on!(self, |c| diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
                .bind::<diesel::sql_types::BigInt, _>(lock as i64)
                .execute(c))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

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
