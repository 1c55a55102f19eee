//! Row locks, written once for both databases.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Bool;
use diesel::sqlite::Sqlite;

/// A SELECT that locks the rows it returns to the end of the transaction. A row that changed while
/// the statement waited for its lock is read and filtered again. Tables are locked in the order of
/// FROM. SQLite has no row locks and needs none: it runs one write transaction at a time.
macro_rules! row_lock {
    ($(#[$doc:meta])+ $name:ident, $function:ident, $clause:literal) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, QueryId)]
        pub struct $name<S>(S);

        $(#[$doc])+
        pub fn $function<S>(select: S) -> $name<S> {
            $name(select)
        }

        impl<S: QueryFragment<Pg>> QueryFragment<Pg> for $name<S> {
            fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                self.0.walk_ast(pass.reborrow())?;
                pass.push_sql($clause);
                Ok(())
            }
        }

        impl<S: QueryFragment<Sqlite>> QueryFragment<Sqlite> for $name<S> {
            fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                self.0.walk_ast(pass)
            }
        }

        impl<S: Query> Query for $name<S> {
            type SqlType = S::SqlType;
        }
    };
}

row_lock! {
    /// Locks rows for changing: no other transaction can change, delete or lock them.
    ForUpdate, for_update, " FOR NO KEY UPDATE"
}

row_lock! {
    /// Locks rows against changes: other transactions cannot change or delete them, but may lock
    /// them in the same way.
    ForShare, for_share, " FOR SHARE"
}

/// `column = (SELECT …)`, where the SELECT finds and locks the row before the statement changes
/// anything. A condition on another table would see it as it was when the statement began, however
/// long the statement waited for the row.
#[derive(Clone, Copy, Debug, QueryId)]
pub struct IsLocked<C, S> {
    column: C,
    select: ForUpdate<S>,
}

/// See [`IsLocked`].
pub fn is_locked<C, S>(column: C, select: ForUpdate<S>) -> IsLocked<C, S> {
    IsLocked { column, select }
}

impl<C, S, DB> QueryFragment<DB> for IsLocked<C, S>
where
    DB: Backend,
    C: QueryFragment<DB>,
    ForUpdate<S>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(" = (");
        self.select.walk_ast(pass.reborrow())?;
        pass.push_sql(")");
        Ok(())
    }
}

impl<C: Expression, S> Expression for IsLocked<C, S> {
    type SqlType = Bool;
}

impl<C: AppearsOnTable<QS> + Expression, S, QS> AppearsOnTable<QS> for IsLocked<C, S> {}

impl<C: SelectableExpression<QS>, S, QS> SelectableExpression<QS> for IsLocked<C, S> {}

impl<C, S, G> ValidGrouping<G> for IsLocked<C, S> {
    type IsAggregate = is_aggregate::Never;
}
