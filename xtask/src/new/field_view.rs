//! A field as the templates see it.

use serde::Serialize;

use super::field::{Field, Kind};
use super::imports::column_type;
use super::prose::grouped;
use super::resource::Resource;
use super::{samples, words};

/// A field, with every phrase and type that it takes.
#[derive(Clone, Serialize)]
pub struct FieldView {
    pub name: String,
    pub kind: &'static str,
    pub nullable: bool,
    /// `customer note`.
    pub words: String,
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether a macro declares the type, and the beginning of the names of its macros.
    pub is_declared: bool,
    pub stem: &'static str,
    /// The type that the type stands for: `Decimal<12, 2>`.
    pub alias: String,
    pub min: String,
    pub max: String,
    /// The limits, in prose.
    pub range: String,
    values: Vec<Variant>,
    /// Parameters of a list.
    after: String,
    before: String,
    /// Types in the row, in what is created, in the view and in a patch.
    pub row: String,
    pub optional: String,
    pub view: String,
    pub patch: String,
    /// Expressions.
    pub example: String,
    pub view_example: String,
    /// Sentences without their full stops.
    pub description: String,
    pub new_description: String,
}

#[derive(Clone, Serialize)]
struct Variant {
    name: String,
    variant: String,
}

impl FieldView {
    pub fn of(resource: &Resource, field: &Field) -> Self {
        let Field { name, kind, nullable } = field;
        let type_name = if field.has_type() { resource.type_of(field) } else { String::new() };
        let stem = name.trim_end_matches("_at").trim_end_matches("_on");
        let words = name.replace('_', " ");
        let [after, before] = field.limits();
        let one = &resource.names.one;
        let (kind_name, stored, value) = match kind {
            Kind::Text { .. } => ("text", "String", &*type_name),
            Kind::Int { .. } => ("int", "i64", &*type_name),
            Kind::Bool => ("bool", "bool", "bool"),
            Kind::Enum { .. } => ("enum", &*type_name, &*type_name),
            Kind::Timestamp => ("timestamp", "Timestamp", "Timestamp"),
            Kind::Date => ("date", "Date", "Date"),
            Kind::Uuid => ("uuid", "Uuid", "Uuid"),
            Kind::Json => ("json", "Json", "Json"),
            Kind::Decimal { .. } => ("decimal", &*type_name, &*type_name),
            Kind::TextList { .. } => ("text_list", &*type_name, &*type_name),
        };
        let wrap =
            |outer: &str, inner: &str| if *nullable { format!("{outer}<{inner}>") } else { inner.to_owned() };
        let (min, max, range) = limits(kind);
        let (description, new_description) = match kind {
            Kind::Date if name.ends_with("_on") => {
                let date = format!("{} date", stem.replace('_', " "));
                (format!("The {one}'s {date}"), format!("The new {date}"))
            }
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
            is_declared: kind.is_declared(),
            stem: if kind_name == "int" { "integer" } else { kind_name },
            alias: match kind {
                Kind::Decimal { precision, scale } => format!("Decimal<{precision}, {scale}>"),
                Kind::TextList { items, min, max } => {
                    format!(
                        "TextList<{}, {}, {}>",
                        grouped(*items, '_'),
                        grouped(*min, '_'),
                        grouped(*max, '_')
                    )
                }
                _ => String::new(),
            },
            values: match kind {
                Kind::Enum { values } => values
                    .iter()
                    .map(|name| Variant { name: name.clone(), variant: words::pascal(name) })
                    .collect(),
                _ => Vec::new(),
            },
            after,
            before,
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
        Kind::Decimal { precision, scale } => {
            let range = format!("up to {precision} digits, {scale} of them behind the point");
            (String::new(), String::new(), range)
        }
        Kind::TextList { items, min, max } => {
            let (.., each) = limits(&Kind::Text { min: *min, max: *max });
            (String::new(), String::new(), format!("up to {} texts of {each}", grouped(*items, ',')))
        }
        _ => Default::default(),
    }
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
        Kind::Decimal { .. } | Kind::TextList { .. } => format!("{}::example()", resource.type_of(field)),
        Kind::Date | Kind::Uuid | Kind::Json => {
            format!("{}::example()", column_type(&field.kind).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_described_as_what_it_says() {
        assert_eq!(predicate("is hidden"), "is hidden");
        assert_eq!(predicate("paid"), "is paid");
    }
}
