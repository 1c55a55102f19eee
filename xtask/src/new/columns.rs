//! The columns of a resource's table.

use serde::Serialize;

use super::field::{Field, Kind};
use super::resource::{Owner, Resource};

/// A column of its table.
#[derive(Serialize)]
pub struct Column {
    name: String,
    /// The name with spaces behind it, so that the types stand below each other.
    padded: String,
    postgres: String,
    sqlite: String,
    nullable: bool,
    /// In `schema.rs`.
    diesel: String,
}

/// The columns of the fields `first`, with those that every table has, and of `later` ones.
pub fn columns(resource: &Resource, first: &[Field], later: &[Field]) -> Vec<Column> {
    let number = Kind::Int { min: 1, max: i64::MAX };
    let id = Column {
        postgres: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY".to_owned(),
        sqlite: "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT".to_owned(),
        // Written in the type.
        nullable: true,
        ..Column::of("id", &number, false)
    };
    let owner = (resource.owner == Owner::User).then(|| Column::of("user_id", &number, false));
    let of_field = |field: &Field| Column::of(&field.name, &field.kind, field.nullable);
    let times = ["created_at", "updated_at"].map(|name| Column::of(name, &Kind::Timestamp, false));
    let own = owner.into_iter().chain(first.iter().map(of_field));
    let mut columns: Vec<_> = [id].into_iter().chain(own).chain(times).collect();
    columns.extend(later.iter().map(of_field));
    let width = columns.iter().map(|column| column.name.len()).max().unwrap_or_default();
    for column in &mut columns {
        column.padded = format!("{:width$}", column.name);
    }
    columns
}

impl Column {
    fn of(name: &str, kind: &Kind, nullable: bool) -> Self {
        let [postgres, sqlite, diesel] = classes(kind);
        let diesel = if nullable { format!("Nullable<{diesel}>") } else { diesel };
        Self { name: name.to_owned(), padded: String::new(), postgres, sqlite, nullable, diesel }
    }
}

/// The types of a column in PostgreSQL, SQLite and Diesel.
///
/// SQLite stores what it gets; the names of its types are for people, and for the tests that compare
/// the databases.
pub fn classes(kind: &Kind) -> [String; 3] {
    let classes = match kind {
        Kind::Text { .. } | Kind::Enum { .. } => ["TEXT", "TEXT", "Text"],
        Kind::Int { .. } => ["BIGINT", "BIGINT", "BigInt"],
        Kind::Bool => ["BOOLEAN", "BOOLEAN", "Bool"],
        Kind::Timestamp => ["TIMESTAMPTZ", "BIGINT", "Timestamptz"],
        Kind::Date => ["DATE", "DATE", "Date"],
        Kind::Uuid => ["UUID", "UUID", "Uuid"],
        Kind::Json => ["JSONB", "JSON", "Jsonb"],
        Kind::TextList { .. } => ["TEXT[]", "TEXT_ARRAY", "TextArray"],
        Kind::Decimal { precision, scale } => {
            let digits = format!("({precision},{scale})");
            return [format!("NUMERIC{digits}"), format!("SCALED_INT{digits}"), "ScaledNumeric".to_owned()];
        }
    };
    classes.map(str::to_owned)
}
