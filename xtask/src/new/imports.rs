//! What the files of a resource import: only what they use.

use serde::Serialize;

use super::field::Kind;
use super::resource::Resource;

/// Items of `use` declarations: `A`, or `{A, B}`.
#[derive(Serialize)]
pub struct Imports {
    /// The macros of `groundwork_values` (with the types of columns that the domain names),
    /// `groundwork_database` (with what every model takes) and `groundwork_web`.
    declaring: String,
    storing: String,
    describing: String,
    /// The types of values, all of them and those that lists are narrowed by.
    types: String,
    filter_types: String,
    /// The types of columns that the model and the schemas take from `groundwork_values`; none if
    /// there is none.
    columns: Option<String>,
}

impl Imports {
    pub fn of(resource: &Resource) -> Self {
        let id = [format!("{}Id", resource.names.pascal)];
        let typed = resource.fields.iter().filter(|field| field.has_type());
        let enums = resource.fields.iter().filter(|field| matches!(field.kind, Kind::Enum { .. }));
        let kinds: Vec<_> = resource.fields.iter().filter_map(|field| word(&field.kind)).collect();
        let macros = |always: &[&str], ending: &str| {
            let used = kinds.iter().map(|kind| format!("{kind}_{ending}"));
            braces(used.chain(always.iter().map(|name| (*name).to_owned())).collect())
        };
        let columns = |is_named| {
            let fields = resource.fields.iter().filter(move |field| field.has_type() == is_named);
            fields.filter_map(|field| column_type(&field.kind)).collect::<Vec<_>>()
        };
        let used: Vec<_> = columns(false).into_iter().map(str::to_owned).collect();
        let declared: Vec<_> = columns(true).into_iter().chain(["id_type"]).collect();
        Self {
            declaring: macros(&declared, "type"),
            storing: macros(&["Connection", "DbError", "for_update", "on", "prepared"], "value"),
            describing: macros(&["id_schema", "listed", "located", "request_schema"], "schema"),
            types: braces(typed.map(|field| resource.type_of(field)).chain(id.clone()).collect()),
            filter_types: braces(enums.map(|field| resource.type_of(field)).chain(id).collect()),
            columns: (!used.is_empty()).then(|| braces(used)),
        }
    }
}

/// The beginning of the macros for a kind of field.
pub(super) fn word(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Text { .. } => Some("text"),
        Kind::Int { .. } => Some("integer"),
        Kind::Enum { .. } => Some("enum"),
        _ => None,
    }
}

/// The type of `groundwork_values` that holds a kind of field.
pub fn column_type(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Date => Some("Date"),
        Kind::Uuid => Some("Uuid"),
        Kind::Json => Some("Json"),
        Kind::Decimal { .. } => Some("Decimal"),
        Kind::TextList { .. } => Some("TextList"),
        _ => None,
    }
}

/// `A`, or `{A, B}`.
fn braces(mut items: Vec<String>) -> String {
    items.sort_unstable();
    items.dedup();
    if items.len() == 1 { items.remove(0) } else { format!("{{{}}}", items.join(", ")) }
}
