//! Row locks, written once for both databases.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;

/// A SELECT that locks the rows it returns to the end of the transaction.
///
/// PostgreSQL: `FOR NO KEY UPDATE`, which conflicts with every UPDATE and DELETE of the rows and lets others insert
/// rows that refer to them. A row that changed while the lock was waited for is read and filtered again. The tables
/// are locked in the order of FROM. SQLite has no row locks and needs none: a write transaction is alone.
#[derive(Clone, Copy, Debug, QueryId)]
pub(crate) struct Locked<S>(S);

/// See [`Locked`].
pub(crate) fn locked<S>(select: S) -> Locked<S> {
    Locked(select)
}

impl<S: QueryFragment<Pg>> QueryFragment<Pg> for Locked<S> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass.reborrow())?;
        pass.push_sql(" FOR NO KEY UPDATE");
        Ok(())
    }
}

impl<S: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Locked<S> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }
}

impl<S: Query> Query for Locked<S> {
    type SqlType = S::SqlType;
}
