//! Values and rows, between Diesel and the driver.

use std::error::Error;
use std::fmt;
use std::iter::Map;
use std::num::NonZeroU32;
use std::ops::Range;
use std::vec::IntoIter;

use bytes::BytesMut;
use diesel::QueryResult;
use diesel::pg::{Pg, PgMetadataLookup, PgTypeMetadata, PgValue};
use diesel::row::{Field, PartialRow, RowIndex, RowSealed};
use futures_util::stream;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Column, Row, SimpleQueryMessage, SimpleQueryRow};

/// A value as Diesel has serialized it, in PostgreSQL's binary format.
pub(super) struct Bind<'a>(pub Option<&'a [u8]>);

/// The driver logs what it sends at the level `debug`, and this may be a secret.
impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Bind<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(bytes) = self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The type as which the server reads a value.
pub(super) fn type_of(metadata: &PgTypeMetadata) -> Type {
    let oid = metadata.oid().unwrap_or(INFERRED);
    Type::from_oid(oid).unwrap_or_else(|| Type::new(String::new(), oid, Kind::Simple, String::new()))
}

/// No type's OID: the server infers the type of a value from its place in the statement.
const INFERRED: u32 = 0;

/// Leaves types that are not built into PostgreSQL to the server: their OIDs differ between
/// databases.
pub(super) struct Inferred;

impl PgMetadataLookup for Inferred {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        PgTypeMetadata::new(INFERRED, INFERRED)
    }
}

/// The result of a statement.
pub(super) struct Answer {
    pub rows: Vec<Row>,
    pub affected: u64,
}

/// Rows that have all arrived.
pub type Rows = stream::Iter<Map<IntoIter<Row>, fn(Row) -> QueryResult<PgRow>>>;

impl Answer {
    /// How many rows the statement affected.
    pub(super) fn count(self) -> usize {
        usize::try_from(self.affected).unwrap_or(usize::MAX)
    }

    /// The rows that it returned.
    pub(super) fn rows(self) -> Rows {
        let to_read: fn(Row) -> _ = |row| Ok(PgRow(row));
        stream::iter(self.rows.into_iter().map(to_read))
    }
}

/// The first row of a query without Diesel, as text.
pub(super) async fn first_row(
    client: &Client,
    query: &str,
) -> Result<Option<SimpleQueryRow>, tokio_postgres::Error> {
    let messages = client.simple_query(query).await?;
    Ok(messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    }))
}

/// A row, for Diesel to read.
pub struct PgRow(Row);

/// A value of a row.
pub struct PgField<'a> {
    column: &'a Column,
    oid: NonZeroU32,
    value: Option<Bytes<'a>>,
}

impl RowSealed for PgRow {}

impl<'a> diesel::row::Row<'a, Pg> for PgRow {
    type InnerPartialRow = Self;
    type Field<'b>
        = PgField<'b>
    where
        Self: 'b,
        'a: 'b;

    fn field_count(&self) -> usize {
        self.0.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<PgField<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let index = self.idx(index)?;
        let column = self.0.columns().get(index)?;
        let oid = NonZeroU32::new(column.type_().oid())?;
        Some(PgField { column, oid, value: self.0.try_get(index).ok()? })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for PgRow {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.0.len()).then_some(index)
    }
}

impl<'a> RowIndex<&'a str> for PgRow {
    fn idx(&self, name: &'a str) -> Option<usize> {
        self.0.columns().iter().position(|column| column.name() == name)
    }
}

impl<'a> Field<'a, Pg> for PgField<'a> {
    fn field_name(&self) -> Option<&str> {
        Some(self.column.name())
    }

    fn value(&self) -> Option<PgValue<'_>> {
        self.value.as_ref().map(|Bytes(bytes)| PgValue::new(bytes, &self.oid))
    }
}

/// A value as it came, whatever its type.
struct Bytes<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
