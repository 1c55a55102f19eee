//! The types of columns on PostgreSQL and SQLite, and SQL types of those that Diesel does not have
//! for both. What was valid when it was stored stays readable when a limit becomes smaller.

use std::io::Write;

use diesel::data_types::{PgDate, PgNumeric};
use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{self, Array, BigInt, Binary, Numeric, SqlType, Text};
use diesel::sqlite::{Sqlite, SqliteValue};
use jiff::civil;
use jiff::{Span, Unit};

use crate::{Date, Decimal, Json, TextList};

/// The SQL type of a [`crate::Uuid`]: `UUID` in PostgreSQL, 16 bytes in SQLite.
#[derive(Clone, Copy, Debug, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Uuid;

/// The SQL type of a [`Json`]: `JSONB` in PostgreSQL, text in SQLite, where Diesel's own is binary.
#[derive(Clone, Copy, Debug, SqlType, QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Jsonb;

/// The SQL type of a [`Decimal`]: `NUMERIC` in PostgreSQL, an integer of the smallest unit in
/// SQLite, where Diesel's own is a float. It has no arithmetic, because the two would differ in
/// products.
#[derive(Clone, Copy, Debug, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1700, array_oid = 1231))]
#[diesel(sqlite_type(name = "Long"))]
pub struct ScaledNumeric;

/// The SQL type of a [`TextList`]: `TEXT[]` in PostgreSQL, an array of JSON as text in SQLite.
#[derive(Clone, Copy, Debug, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1009, array_oid = 0))]
#[diesel(sqlite_type(name = "Text"))]
pub struct TextArray;

impl ToSql<Uuid, Pg> for crate::Uuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Uuid, Pg> for crate::Uuid {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self::from(<[u8; 16]>::try_from(value.as_bytes())?))
    }
}

impl ToSql<Uuid, Sqlite> for crate::Uuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(&self.as_bytes()[..]);
        Ok(IsNull::No)
    }
}

impl FromSql<Uuid, Sqlite> for crate::Uuid {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self::from(<[u8; 16]>::try_from(&*bytes)?))
    }
}

/// From which PostgreSQL counts days.
const POSTGRES_EPOCH: civil::Date = civil::date(2000, 1, 1);

impl ToSql<sql_types::Date, Pg> for Date {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let days = POSTGRES_EPOCH.until((Unit::Day, civil::Date::from(*self)))?.get_days();
        ToSql::<sql_types::Date, Pg>::to_sql(&PgDate(days), &mut out.reborrow())
    }
}

impl FromSql<sql_types::Date, Pg> for Date {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let PgDate(days) = FromSql::<sql_types::Date, Pg>::from_sql(value)?;
        Ok(POSTGRES_EPOCH.checked_add(Span::new().try_days(days)?)?.try_into()?)
    }
}

impl ToSql<sql_types::Date, Sqlite> for Date {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::Date, Sqlite> for Date {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(<String as FromSql<Text, Sqlite>>::from_sql(value)?.parse()?)
    }
}

impl ToSql<Jsonb, Pg> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        // The version of the format.
        out.write_all(&[1])?;
        serde_json::to_writer(out, self)?;
        Ok(IsNull::No)
    }
}

impl FromSql<Jsonb, Pg> for Json {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let text = value.as_bytes().strip_prefix(&[1]).ok_or("an unknown version of JSONB")?;
        Ok(Self(serde_json::from_slice(text)?))
    }
}

impl ToSql<Jsonb, Sqlite> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(self)?);
        Ok(IsNull::No)
    }
}

impl FromSql<Jsonb, Sqlite> for Json {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(&<String as FromSql<Text, Sqlite>>::from_sql(value)?)?))
    }
}

impl<const ITEMS: usize, const MIN: usize, const MAX: usize> ToSql<TextArray, Pg>
    for TextList<ITEMS, MIN, MAX>
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Array<Text>, Pg>::to_sql(&self.0, out)
    }
}

impl<const ITEMS: usize, const MIN: usize, const MAX: usize> FromSql<TextArray, Pg>
    for TextList<ITEMS, MIN, MAX>
{
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(FromSql::<Array<Text>, Pg>::from_sql(value)?))
    }
}

impl<const ITEMS: usize, const MIN: usize, const MAX: usize> ToSql<TextArray, Sqlite>
    for TextList<ITEMS, MIN, MAX>
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(self)?);
        Ok(IsNull::No)
    }
}

impl<const ITEMS: usize, const MIN: usize, const MAX: usize> FromSql<TextArray, Sqlite>
    for TextList<ITEMS, MIN, MAX>
{
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(&<String as FromSql<Text, Sqlite>>::from_sql(value)?)?))
    }
}

/// PostgreSQL's digits have this base.
const BASE: i64 = 10_000;

impl<const PRECISION: u32, const SCALE: u32> ToSql<ScaledNumeric, Pg> for Decimal<PRECISION, SCALE> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        // The point is between two digits.
        let padding = SCALE.next_multiple_of(4) - SCALE;
        let mut rest = i128::from(self.units().abs()) * 10_i128.pow(padding);
        let mut digits = Vec::new();
        while rest > 0 {
            digits.push(i16::try_from(rest % i128::from(BASE))?);
            rest /= i128::from(BASE);
        }
        digits.reverse();
        let weight = i16::try_from(digits.len())? - i16::try_from(SCALE.div_ceil(4))? - 1;
        let scale = u16::try_from(SCALE)?;
        let number = if self.units() < 0 {
            PgNumeric::Negative { weight, scale, digits }
        } else {
            PgNumeric::Positive { weight, scale, digits }
        };
        ToSql::<Numeric, Pg>::to_sql(&number, &mut out.reborrow())
    }
}

impl<const PRECISION: u32, const SCALE: u32> FromSql<ScaledNumeric, Pg> for Decimal<PRECISION, SCALE> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let (sign, weight, digits) = match <PgNumeric as FromSql<Numeric, Pg>>::from_sql(value)? {
            PgNumeric::Positive { weight, digits, .. } => (1, weight, digits),
            PgNumeric::Negative { weight, digits, .. } => (-1, weight, digits),
            PgNumeric::NaN => return Err("the number is NaN".into()),
        };
        let mut units = 0_i64;
        for (place, digit) in (0..).zip(digits) {
            // The digit counts units of ten to this power.
            let power = 4 * (i32::from(weight) - place) + i32::try_from(SCALE)?;
            let factor = 10_i64.checked_pow(power.unsigned_abs()).ok_or("the number has too many digits")?;
            let digit = i64::from(digit);
            let part = match power {
                0.. => digit.checked_mul(factor),
                _ => (digit % factor == 0).then_some(digit / factor),
            };
            let sum = part.and_then(|part| units.checked_add(part));
            units = sum.ok_or("the number has too many digits")?;
        }
        Ok(Self::from_units(sign * units)?)
    }
}

impl<const PRECISION: u32, const SCALE: u32> ToSql<ScaledNumeric, Sqlite> for Decimal<PRECISION, SCALE> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.units());
        Ok(IsNull::No)
    }
}

impl<const PRECISION: u32, const SCALE: u32> FromSql<ScaledNumeric, Sqlite> for Decimal<PRECISION, SCALE> {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self::from_units(<i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?)?)
    }
}
