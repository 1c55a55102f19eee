//! [`Timestamp`] as a column of Diesel, on PostgreSQL and SQLite.

use std::io::Write;

use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Interval, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};

use crate::Timestamp;

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
