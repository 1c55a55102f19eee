//! A resource as the templates see it: every phrase and every type, spelled out.

use serde::Serialize;

use super::field::{Field, Kind};
use super::names::Names;
use super::resource::{Owner, Resource};
use super::test_cases::{self, Cases};
use super::{samples, words};

/// What a template can name.
#[derive(Serialize)]
pub struct View {
    #[serde(flatten)]
    names: Names,
    /// `An order`, `Orders`: at the start of a sentence.
    #[serde(rename = "An")]
    an_capital: String,
    #[serde(rename = "Many")]
    many_capital: String,
    /// The variable for one.
    var: String,
    /// `ORDERS` and `ORDER`: constants.
    plural_screaming: String,
    singular_screaming: String,
    owned: bool,
    columns: Vec<Column>,
    fields: Vec<FieldView>,
    /// Those whose values have a type.
    typed: Vec<FieldView>,
    filters: Vec<FieldView>,
    time_filters: bool,
    /// The number of arguments of a list.
    parameters: usize,
    /// The fields that can be cleared, in prose; none if there is none.
    nullable: Option<String>,
    /// Items of imports.
    value_types: String,
    macros: String,
    value_macros: String,
    schema_macros: String,
    types: String,
    api_types: String,
    cases: Cases,
}

#[derive(Serialize)]
struct Column {
    name: String,
    /// The name with spaces behind it, so that the types stand below each other.
    padded: String,
    postgres: &'static str,
    sqlite: &'static str,
    nullable: bool,
    /// In `schema.rs`.
    diesel: String,
}

#[derive(Clone, Serialize)]
struct FieldView {
    name: String,
    kind: &'static str,
    nullable: bool,
    /// `customer note`.
    words: String,
    #[serde(rename = "type")]
    type_name: String,
    /// The macro that declares the type.
    #[serde(rename = "macro")]
    macro_name: &'static str,
    min: String,
    max: String,
    /// The limits, in prose.
    range: String,
    values: Vec<Variant>,
    /// Parameters of a list.
    after: String,
    before: String,
    /// Types in the row, in what is created, in the view and in a patch.
    row: String,
    optional: String,
    view: String,
    patch: String,
    /// Expressions.
    example: String,
    view_example: String,
    /// Sentences without their full stops.
    description: String,
    new_description: String,
}

#[derive(Clone, Serialize)]
struct Variant {
    name: String,
    variant: String,
}

impl View {
    pub fn of(resource: &Resource) -> Self {
        let Resource { names, fields, owner } = resource;
        let owned = *owner == Owner::User;
        let views: Vec<_> = fields.iter().map(|field| FieldView::of(resource, field)).collect();
        let only =
            |is: fn(&FieldView) -> bool| views.iter().filter(|view| is(view)).cloned().collect::<Vec<_>>();
        let filters = only(|view| ["enum", "timestamp"].contains(&view.kind));
        let typed = only(|view| !view.type_name.is_empty());
        let has = |kind: &str| views.iter().any(|view| view.kind == kind);
        let time_filters = has("timestamp");
        let clearable: Vec<_> =
            only(|view| view.nullable).iter().map(|view| format!("`{}`", view.name)).collect();
        let id = format!("{}Id", names.pascal);
        let of_types = |views: &[FieldView], is: fn(&FieldView) -> bool| {
            let types = views.iter().filter(|view| is(view)).map(|view| view.type_name.clone());
            braces(types.chain([id.clone()]).collect())
        };
        let with = |always: &[&str], name: &dyn Fn(&str) -> String, kinds: &[&str]| {
            let used = kinds.iter().filter(|kind| has(kind)).map(|kind| name(kind));
            braces(used.chain(always.iter().map(|name| (*name).to_owned())).collect())
        };
        let of_values = |kind: &str| format!("{}_value", if kind == "int" { "integer" } else { "text" });
        let schema = |kind: &str| format!("{}_schema", if kind == "int" { "integer" } else { kind });
        let declaring = |kind: &str| format!("{}_type", if kind == "int" { "integer" } else { kind });
        let typed_kinds = ["text", "int", "enum"];
        Self {
            an_capital: words::capitalized(&names.an),
            many_capital: words::capitalized(&names.many),
            var: names.singular.clone(),
            plural_screaming: names.plural.to_uppercase(),
            singular_screaming: names.singular.to_uppercase(),
            owned,
            columns: columns(resource),
            parameters: 4 + filters
                .iter()
                .map(|view| 1 + usize::from(view.kind == "timestamp"))
                .sum::<usize>(),
            nullable: (!clearable.is_empty()).then(|| words::listed(&clearable, "or")),
            value_types: of_types(&typed, |_| true),
            macros: with(&["id_type"], &declaring, &typed_kinds),
            value_macros: with(&["Connection", "DbError", "on", "prepared"], &of_values, &typed_kinds),
            schema_macros: with(&["id_schema"], &schema, &typed_kinds),
            types: of_types(&typed, |_| true),
            api_types: of_types(&typed, |view| view.kind == "enum"),
            cases: test_cases::of(resource),
            names: names.clone(),
            fields: views,
            typed,
            filters,
            time_filters,
        }
    }
}

impl FieldView {
    fn of(resource: &Resource, field: &Field) -> Self {
        let Field { name, kind, nullable } = field;
        let type_name = if field.has_type() { resource.type_of(field) } else { String::new() };
        let stem = name.trim_end_matches("_at");
        let words = name.replace('_', " ");
        let one = &resource.names.one;
        let (kind_name, stored, value) = match kind {
            Kind::Text { .. } => ("text", "String", &*type_name),
            Kind::Int { .. } => ("int", "i64", &*type_name),
            Kind::Bool => ("bool", "bool", "bool"),
            Kind::Enum { .. } => ("enum", &*type_name, &*type_name),
            Kind::Timestamp => ("timestamp", "Timestamp", "Timestamp"),
        };
        let wrap =
            |outer: &str, inner: &str| if *nullable { format!("{outer}<{inner}>") } else { inner.to_owned() };
        let (min, max, range) = limits(kind);
        let (description, new_description) = match kind {
            Kind::Bool => (
                format!("Whether the {one} {}", predicate(&words)),
                format!("Whether the {one} {}", predicate(&words)),
            ),
            Kind::Timestamp => {
                let time = format!("{} time", stem.replace('_', " "));
                (format!("The {one}'s {time}"), format!("The new {time}"))
            }
            _ => (format!("The {one}'s {words}"), format!("The new {words}")),
        };
        let example = literal(resource, field, false);
        let shown = literal(resource, field, true);
        Self {
            kind: kind_name,
            nullable: *nullable,
            macro_name: if kind_name == "int" { "integer_type" } else { "text_type" },
            values: match kind {
                Kind::Enum { values } => values
                    .iter()
                    .map(|name| Variant { name: name.clone(), variant: words::pascal(name) })
                    .collect(),
                _ => Vec::new(),
            },
            after: format!("{stem}_after"),
            before: format!("{stem}_before"),
            row: wrap("Option", stored),
            optional: wrap("Option", value),
            view: wrap("Nullable", stored),
            patch: format!("{}<{value}>", if *nullable { "Patch" } else { "Option" }),
            view_example: if *nullable { format!("Nullable(Some({shown}))") } else { shown },
            name: name.clone(),
            words,
            min,
            max,
            range,
            example,
            description,
            new_description,
            type_name,
        }
    }
}

/// `is_gift` says that an order "is gift", `paid` that it "is paid".
fn predicate(words: &str) -> String {
    let verbs = ["is ", "has ", "can ", "may ", "must ", "was ", "needs ", "allows "];
    if verbs.iter().any(|verb| words.starts_with(verb)) { words.to_owned() } else { format!("is {words}") }
}

/// The limits as literals, and in prose.
fn limits(kind: &Kind) -> (String, String, String) {
    match kind {
        Kind::Text { min, max } => {
            let blank = if *min > 0 { ", not blank" } else { "" };
            let length = if min == max {
                grouped(*max, ',')
            } else {
                format!("{} to {}", grouped(*min, ','), grouped(*max, ','))
            };
            let noun = if *max == 1 { "character" } else { "characters" };
            (grouped(*min, '_'), grouped(*max, '_'), format!("{length} {noun}{blank}"))
        }
        Kind::Int { min, max } => (
            grouped(*min, '_'),
            grouped(*max, '_'),
            format!("{} to {}", grouped(*min, ','), grouped(*max, ',')),
        ),
        _ => Default::default(),
    }
}

/// A number with a separator between thousands. In code, from five digits on.
pub fn grouped(number: i64, separator: char) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = if number < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.char_indices() {
        let is_between = at > 0 && (digits.len() - at).is_multiple_of(3);
        if is_between && (separator == ',' || digits.len() > 4) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped
}

/// A sample value as an expression. `shown` is of the type of the view.
fn literal(resource: &Resource, field: &Field, shown: bool) -> String {
    let sample = samples::sample(field, 0);
    match &field.kind {
        Kind::Text { .. } if shown => format!("{sample}.to_owned()"),
        Kind::Int { .. } => grouped(sample.as_i64().unwrap_or_default(), '_'),
        Kind::Enum { values } => format!("{}::{}", resource.type_of(field), words::pascal(&values[0])),
        Kind::Timestamp => format!("Timestamp::from_seconds({})", grouped(samples::INSTANTS[0], '_')),
        Kind::Text { .. } | Kind::Bool => sample.to_string(),
    }
}

/// Items of an import: `A`, or `{A, B}`.
fn braces(mut items: Vec<String>) -> String {
    items.sort_unstable();
    items.dedup();
    if items.len() == 1 { items.remove(0) } else { format!("{{{}}}", items.join(", ")) }
}

fn columns(resource: &Resource) -> Vec<Column> {
    let column = |name: &str, kind: &Kind, nullable: bool| {
        let (postgres, sqlite, diesel) = match kind {
            Kind::Text { .. } | Kind::Enum { .. } => ("TEXT", "TEXT", "Text"),
            Kind::Int { .. } => ("BIGINT", "BIGINT", "BigInt"),
            Kind::Bool => ("BOOLEAN", "BOOLEAN", "Bool"),
            Kind::Timestamp => ("TIMESTAMPTZ", "BIGINT", "Timestamptz"),
        };
        let diesel = if nullable { format!("Nullable<{diesel}>") } else { diesel.to_owned() };
        Column { name: name.to_owned(), padded: String::new(), postgres, sqlite, nullable, diesel }
    };
    let number = Kind::Int { min: 1, max: i64::MAX };
    let id = Column {
        postgres: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        sqlite: "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        // Written in the type.
        nullable: true,
        ..column("id", &number, false)
    };
    let owner = (resource.owner == Owner::User).then(|| column("user_id", &number, false));
    let own = resource.fields.iter().map(|field| column(&field.name, &field.kind, field.nullable));
    let times = ["created_at", "updated_at"].map(|name| column(name, &Kind::Timestamp, false));
    let mut columns: Vec<_> = [id].into_iter().chain(owner).chain(own).chain(times).collect();
    let width = columns.iter().map(|column| column.name.len()).max().unwrap_or_default();
    for column in &mut columns {
        column.padded = format!("{:width$}", column.name);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_prose_and_if_long_in_code() {
        assert_eq!(grouped(2000, ','), "2,000");
        assert_eq!(grouped(2000, '_'), "2000");
        assert_eq!(grouped(-1_234_567, '_'), "-1_234_567");
        assert_eq!(grouped(999, ','), "999");
    }

    #[test]
    fn a_flag_is_described_as_what_it_says() {
        assert_eq!(predicate("is hidden"), "is hidden");
        assert_eq!(predicate("paid"), "is paid");
    }
}
