//! Row locks, written once for both databases.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType};
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

row_lock! {
    /// Locks rows for changing, without those that another transaction has locked.
    SkipLocked, skip_locked, " FOR NO KEY UPDATE SKIP LOCKED"
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

/// `column IN (SELECT … UNION ALL SELECT … LIMIT …)`, where the SELECTs find and lock up to a
/// number of rows that no other transaction has locked, those of the first SELECT first.
#[derive(Clone, Debug)]
pub struct IsAnyLocked<C, S> {
    column: C,
    selects: Vec<SkipLocked<S>>,
    limit: i64,
}

/// See [`IsAnyLocked`]. Each SELECT should have the limit as well: all of them may be executed.
pub fn is_any_locked<C, S>(column: C, selects: Vec<SkipLocked<S>>, limit: i64) -> IsAnyLocked<C, S> {
    IsAnyLocked { column, selects, limit }
}

impl<C, S> IsAnyLocked<C, S> {
    fn walk_selects<'b, DB>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<BigInt>,
        i64: ToSql<BigInt, DB>,
        SkipLocked<S>: QueryFragment<DB>,
    {
        // A lock and an order belong to a part of a UNION only if it is a table of its own.
        for (index, select) in self.selects.iter().enumerate() {
            pass.push_sql(if index == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
            select.walk_ast(pass.reborrow())?;
            pass.push_sql(") AS part");
        }
        pass.push_sql(" LIMIT ");
        pass.push_bind_param::<BigInt, _>(&self.limit)
    }
}

/// As an array: PostgreSQL may execute the subselect of an IN several times, and would then lock
/// further rows each time.
impl<C: QueryFragment<Pg>, S: QueryFragment<Pg>> QueryFragment<Pg> for IsAnyLocked<C, S> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(" = ANY(ARRAY(");
        self.walk_selects(pass.reborrow())?;
        pass.push_sql("))");
        Ok(())
    }
}

impl<C: QueryFragment<Sqlite>, S: QueryFragment<Sqlite>> QueryFragment<Sqlite> for IsAnyLocked<C, S> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(" IN (");
        self.walk_selects(pass.reborrow())?;
        pass.push_sql(")");
        Ok(())
    }
}

/// Its text depends on the number of its SELECTs.
impl<C, S> QueryId for IsAnyLocked<C, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C: Expression, S> Expression for IsAnyLocked<C, S> {
    type SqlType = Bool;
}

impl<C: AppearsOnTable<QS> + Expression, S, QS> AppearsOnTable<QS> for IsAnyLocked<C, S> {}

impl<C: SelectableExpression<QS>, S, QS> SelectableExpression<QS> for IsAnyLocked<C, S> {}

impl<C, S, G> ValidGrouping<G> for IsAnyLocked<C, S> {
    type IsAggregate = is_aggregate::Never;
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    use super::*;

    diesel::table! {
        seats (id) {
            id -> BigInt,
            class -> BigInt,
        }
    }

    #[test]
    fn rows_are_locked_up_to_the_limit_those_of_the_first_select_first() {
        let of_class = |class: i64| {
            skip_locked(
                seats::table.filter(seats::class.eq(class)).order(seats::id).select(seats::id).limit(3),
            )
        };
        let taken = || is_any_locked(seats::id, vec![of_class(1), of_class(0)], 3);
        let mut c = SqliteConnection::establish(":memory:").unwrap();
        diesel::sql_query("CREATE TABLE seats (id INTEGER PRIMARY KEY, class INTEGER)")
            .execute(&mut c)
            .unwrap();
        for (id, class) in [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)] {
            let seat = (seats::id.eq(id), seats::class.eq(class));
            diesel::insert_into(seats::table).values(seat).execute(&mut c).unwrap();
        }
        let mut ids: Vec<i64> =
            diesel::delete(seats::table.filter(taken())).returning(seats::id).get_results(&mut c).unwrap();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 4]);

        let text = diesel::debug_query::<Pg, _>(&seats::table.filter(taken())).to_string();
        assert!(text.contains("= ANY(ARRAY(SELECT * FROM (SELECT"), "{text}");
        assert_eq!(text.matches("FOR NO KEY UPDATE SKIP LOCKED) AS part").count(), 2, "{text}");
    }
}
