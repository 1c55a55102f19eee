//! Values and rows, between Diesel and the driver.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use bytes::BytesMut;
use diesel::QueryResult;
use diesel::pg::{Pg, PgMetadataLookup, PgTypeMetadata, PgValue};
use diesel::row::{Field, PartialRow, RowIndex, RowSealed};
use futures_util::Stream;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type};
use tokio_postgres::{Client, Row, SimpleQueryMessage, SimpleQueryRow};

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

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
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

impl Answer {
    /// How many rows the statement affected.
    pub(super) fn count(self) -> usize {
        usize::try_from(self.affected).unwrap_or(usize::MAX)
    }
}

/// Rows that have all arrived.
pub struct Rows(IntoIter<Row>);

impl From<Answer> for Rows {
    fn from(answer: Answer) -> Self {
        Self(answer.rows.into_iter())
    }
}

impl Stream for Rows {
    type Item = QueryResult<PgRow>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(|row| Ok(PgRow(row))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
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
    row: &'a Row,
    index: usize,
    oid: NonZeroU32,
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
        let oid = NonZeroU32::new(self.0.columns().get(index)?.type_().oid())?;
        Some(PgField { row: &self.0, index, oid })
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
        self.row.columns().get(self.index).map(tokio_postgres::Column::name)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        let Ok(Bytes(bytes)) = self.row.try_get(self.index) else { return None };
        bytes.map(|bytes| PgValue::new(bytes, &self.oid))
    }
}

/// A value as it came, whatever its type.
struct Bytes<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
