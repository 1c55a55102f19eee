//! [`Timestamp`] as a column of Diesel, on PostgreSQL and SQLite.

use std::io::Write;
use std::time::Duration;

use diesel::QueryResult;
use diesel::deserialize::{self, FromSql};
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Interval, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};

use crate::{Timestamp, micros_of};

/// The SQL type of a [`Timestamp`]: `TIMESTAMPTZ` in PostgreSQL, microseconds since 1970 as an
/// `INTEGER` in SQLite.
#[derive(Clone, Copy, Debug, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Timestamptz;

// `table!` asks these of every column whose type has this name.
impl diesel::sql_types::ops::Add for Timestamptz {
    type Rhs = Interval;
    type Output = Self;
}
impl diesel::sql_types::ops::Sub for Timestamptz {
    type Rhs = Interval;
    type Output = Self;
}

/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

impl ToSql<Timestamptz, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let micros = self.micros().checked_sub(POSTGRES_EPOCH_MICROS).ok_or("the instant is out of range")?;
        out.write_all(&micros.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Timestamptz, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = <i64 as FromSql<BigInt, Pg>>::from_sql(value)?;
        let micros = micros.checked_add(POSTGRES_EPOCH_MICROS).ok_or("the instant is out of range")?;
        Ok(Self::from_micros(micros))
    }
}

impl ToSql<Timestamptz, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.micros());
        Ok(IsNull::No)
    }
}

impl FromSql<Timestamptz, Sqlite> for Timestamp {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self::from_micros(<i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?))
    }
}

/// The earlier of `limit` and the instant so long after a column.
#[derive(Clone, Copy, Debug, QueryId)]
pub struct EarlierOf<C> {
    column: C,
    micros: i64,
    limit: Timestamp,
}

/// See [`EarlierOf`].
pub fn earlier_of<C>(column: C, after: Duration, limit: Timestamp) -> EarlierOf<C> {
    EarlierOf { column, micros: micros_of(after), limit }
}

impl<C: QueryFragment<Pg>> QueryFragment<Pg> for EarlierOf<C> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        pass.push_sql("LEAST(");
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(" + ");
        pass.push_bind_param::<BigInt, _>(&self.micros)?;
        pass.push_sql(" * INTERVAL '1 microsecond', ");
        pass.push_bind_param::<Timestamptz, _>(&self.limit)?;
        pass.push_sql(")");
        Ok(())
    }
}

impl<C: QueryFragment<Sqlite>> QueryFragment<Sqlite> for EarlierOf<C> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        pass.push_sql("MIN(");
        self.column.walk_ast(pass.reborrow())?;
        pass.push_sql(" + ");
        pass.push_bind_param::<BigInt, _>(&self.micros)?;
        pass.push_sql(", ");
        pass.push_bind_param::<Timestamptz, _>(&self.limit)?;
        pass.push_sql(")");
        Ok(())
    }
}

impl<C: Expression> Expression for EarlierOf<C> {
    type SqlType = Timestamptz;
}

impl<C: AppearsOnTable<QS> + Expression, QS> AppearsOnTable<QS> for EarlierOf<C> {}

impl<C: SelectableExpression<QS>, QS> SelectableExpression<QS> for EarlierOf<C> {}

impl<C, G> ValidGrouping<G> for EarlierOf<C> {
    type IsAggregate = is_aggregate::Never;
}
