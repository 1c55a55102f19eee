//! What the files of a resource import: only what they use.

use serde::Serialize;

use super::field::Kind;
use super::resource::Resource;

/// Items of `use` declarations: `A`, or `{A, B}`.
#[derive(Serialize)]
pub struct Imports {
    /// The macros of `groundwork_values`, `groundwork_database` (with what every model takes) and
    /// `groundwork_web`.
    declaring: String,
    storing: String,
    describing: String,
    /// The types of values, all of them and those that lists are narrowed by.
    types: String,
    filter_types: String,
}

impl Imports {
    pub fn of(resource: &Resource) -> Self {
        let id = [format!("{}Id", resource.names.pascal)];
        let typed = resource.fields.iter().filter(|field| field.has_type());
        let enums = resource.fields.iter().filter(|field| matches!(field.kind, Kind::Enum { .. }));
        let kinds: Vec<_> = typed.clone().map(|field| word(&field.kind)).collect();
        let macros = |always: &[&str], ending: &str, enum_word: &str| {
            let used = kinds.iter().map(|kind| if *kind == "enum" { enum_word } else { kind });
            let used = used.map(|kind| format!("{kind}_{ending}"));
            braces(used.chain(always.iter().map(|name| (*name).to_owned())).collect())
        };
        Self {
            declaring: macros(&["id_type"], "type", "enum"),
            storing: macros(&["Connection", "DbError", "on", "prepared"], "value", "text"),
            describing: macros(&["id_schema", "listed", "request_schema"], "schema", "enum"),
            types: braces(typed.map(|field| resource.type_of(field)).chain(id.clone()).collect()),
            filter_types: braces(enums.map(|field| resource.type_of(field)).chain(id).collect()),
        }
    }
}

/// The beginning of the macros for a kind of field.
pub(super) fn word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int { .. } => "integer",
        Kind::Enum { .. } => "enum",
        Kind::Text { .. } | Kind::Bool | Kind::Timestamp => "text",
    }
}

/// `A`, or `{A, B}`.
fn braces(mut items: Vec<String>) -> String {
    items.sort_unstable();
    items.dedup();
    if items.len() == 1 { items.remove(0) } else { format!("{{{}}}", items.join(", ")) }
}
