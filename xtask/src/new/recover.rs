//! What a resource was made from, read from what was made. It is rendered again and compared, so a
//! wrong reading removes nothing.

use std::io;

use super::field::{Field, Kind};
use super::resource::{Owner, Resource};
use super::words;
use crate::error::Error;
use crate::tree::Tree;

/// Columns of every table.
const IMPLIED: [&str; 4] = ["id", "user_id", "created_at", "updated_at"];

/// The resource of this name in a tree, and the time of its migrations.
///
/// # Errors
/// When it is not there, or cannot be read.
pub fn resource(tree: &Tree, plural: &str) -> Result<(Resource, String), Error> {
    let files = tree.files()?;
    let refused = |reason: &str| Error::Refused(format!("resource `{plural}`: {reason}"));
    let ending = format!("_{plural}/up.sql");
    let mut migrations = files.iter().filter_map(|path| {
        let stamp = path.strip_prefix("migrations/postgres/")?.strip_suffix(&ending)?;
        // That of `customer_orders` ends like that of `orders`.
        (!stamp.contains('_')).then_some(stamp)
    });
    let stamp =
        migrations.next().ok_or_else(|| refused("no migration in migrations/postgres has its name"))?;
    let schema = tree.text("src/db/schema.rs")?.unwrap_or_default();
    let columns =
        columns(&schema, plural).ok_or_else(|| refused("src/db/schema.rs has no table of this name"))?;
    let model = read(tree, &format!("src/models/{plural}.rs"))?;
    let pascal = words_behind(&model, "pub struct ").next();
    let pascal = pascal.ok_or_else(|| refused("its model has no row"))?;
    let derived = words::singular(plural).filter(|singular| words::pascal(singular) == pascal);
    let singular = derived.unwrap_or_else(|| words::snake(pascal));
    let mut domain = String::new();
    for path in files.iter().filter(|path| path.starts_with("src/domain/")) {
        domain += &tree.text(path)?.unwrap_or_default();
    }
    let owner =
        if columns.iter().any(|column| column.name == "user_id") { Owner::User } else { Owner::Service };
    let own = columns.iter().filter(|column| !IMPLIED.contains(&column.name));
    let fields: Option<Vec<_>> = own.map(|column| column.field(pascal, &domain)).collect();
    let fields =
        fields.ok_or_else(|| refused("src/db/schema.rs has a column that `new resource` does not make"))?;
    let fields: Vec<_> = fields.iter().map(Field::to_string).collect();
    let mut resource = Resource::parse(plural, Some(&singular), &fields, owner).map_err(Error::Refused)?;
    resource.later = columns.iter().rev().take_while(|column| column.name != "updated_at").count();
    Ok((resource, stamp.to_owned()))
}

fn read(tree: &Tree, path: &str) -> Result<String, Error> {
    let missing = |error: io::Error| Error::Refused(format!("{path} cannot be read: {error}"));
    Ok(tree.text(path).map_err(missing)?.unwrap_or_default())
}

/// A line of a table in `schema.rs`.
pub struct Column<'a> {
    pub name: &'a str,
    class: &'a str,
    nullable: bool,
}

/// The columns of a table in `schema.rs`.
pub fn columns<'a>(schema: &'a str, table: &str) -> Option<Vec<Column<'a>>> {
    let (_, rest) = schema.split_once(&format!("\n    {table} (id) {{\n"))?;
    let (body, _) = rest.split_once("\n    }")?;
    body.lines().map(Column::parse).collect()
}

impl<'a> Column<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, declared) = line.trim().strip_suffix(',')?.split_once(" -> ")?;
        let inner = declared.strip_prefix("Nullable<").and_then(|rest| rest.strip_suffix('>'));
        Some(Self { name, class: inner.unwrap_or(declared), nullable: inner.is_some() })
    }

    fn field(&self, pascal: &str, domain: &str) -> Option<Field> {
        let type_name = format!("{pascal}{}", words::pascal(self.name));
        let kind = match self.class {
            "Bool" => Kind::Bool,
            "Timestamptz" => Kind::Timestamp,
            "Date" => Kind::Date,
            "Uuid" => Kind::Uuid,
            "Jsonb" => Kind::Json,
            "ScaledNumeric" => {
                let [precision, scale] = parameters(domain, &type_name, "Decimal")?;
                Kind::Decimal { precision, scale }
            }
            "TextArray" => {
                let [items, min, max] = parameters(domain, &type_name, "TextList")?;
                Kind::TextList { items, min, max }
            }
            "BigInt" => {
                let (min, max) = range(domain, &type_name)?;
                Kind::Int { min, max }
            }
            "Text" => match range(domain, &type_name) {
                Some((min, max)) => Kind::Text { min, max },
                None => Kind::Enum { values: values(domain, &type_name)? },
            },
            _ => return None,
        };
        Some(Field { name: self.name.to_owned(), kind, nullable: self.nullable })
    }
}

/// The limits of `pub struct OrderNumber(1..=40);`.
fn range(domain: &str, type_name: &str) -> Option<(i64, i64)> {
    let (_, rest) = domain.split_once(&format!("pub struct {type_name}("))?;
    let (min, max) = rest.split_once(");")?.0.split_once("..=")?;
    let number = |text: &str| text.replace('_', "").parse().ok();
    number(min).zip(number(max))
}

/// The numbers of `pub type OrderPrice = Decimal<12, 2>;`.
fn parameters<const N: usize>(domain: &str, type_name: &str, alias: &str) -> Option<[i64; N]> {
    let (_, rest) = domain.split_once(&format!("pub type {type_name} = {alias}<"))?;
    let (numbers, _) = rest.split_once('>')?;
    let numbers = numbers.split(',').map(|number| number.trim().replace('_', "").parse().ok());
    numbers.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// The values of `pub enum OrderState { Draft = "draft", Sent = "sent" }`.
fn values(domain: &str, type_name: &str) -> Option<Vec<String>> {
    let (_, rest) = domain.split_once(&format!("pub enum {type_name} {{"))?;
    let (body, _) = rest.split_once('}')?;
    Some(body.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

fn words_behind<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    let ends = |c: char| !c.is_ascii_alphanumeric();
    text.split(before).skip(1).filter_map(move |rest| rest.split(ends).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "diesel::table! {\n    a_orders (id) {\n        id -> BigInt,\n    }\n}\n\
        diesel::table! {\n\n    orders (id) {\n        id -> BigInt,\n        user_id -> BigInt,\n        \
        note -> Nullable<Text>,\n        state -> Text,\n        quantity -> BigInt,\n        \
        price -> ScaledNumeric,\n        tags -> Nullable<TextArray>,\n        placed_on -> Date,\n    }\n}\n";

    const DOMAIN: &str = "text_type! {\n    pub struct OrderNote(0..=2_000);\n}\ninteger_type! {\n    \
        pub struct OrderQuantity(-1..=9);\n}\nenum_type! {\n    pub enum OrderState {\n        \
        Draft = \"draft\",\n        Sent = \"sent\",\n    }\n}\npub type OrderPrice = Decimal<12, 2>;\n\
        pub type OrderTags = TextList<10, 1, 2_000>;\n";

    #[test]
    fn fields_are_read_from_the_code() {
        let columns = columns(SCHEMA, "orders").unwrap();
        let fields = columns.iter().skip(2).map(|column| column.field("Order", DOMAIN).unwrap().to_string());
        assert_eq!(
            fields.collect::<Vec<_>>(),
            [
                "note:text(0..2000)?",
                "state:enum(draft,sent)!",
                "quantity:int(-1..9)!",
                "price:decimal(12,2)!",
                "tags:text[](10,1..2000)?",
                "placed_on:date!",
            ]
        );
        assert!(super::columns(SCHEMA, "users").is_none());
    }
}
