//! Finds things in a document.

use std::sync::LazyLock;

use groundwork_openapi::Documents;
use serde_json::Value;

pub static DOCUMENTS: LazyLock<Documents> =
    LazyLock::new(|| groundwork::api::documents("/api/v1").expect("a document"));

pub fn newest() -> Value {
    serde_json::from_str(&DOCUMENTS.json).unwrap()
}

pub fn older() -> Value {
    serde_json::from_str(&DOCUMENTS.json_3_0).unwrap()
}

/// An operation, and where it is.
pub struct DocumentOperation<'a> {
    pub path: &'a str,
    pub method: &'a str,
    pub id: &'a str,
    pub value: &'a Value,
}

pub fn operations(document: &Value) -> Vec<DocumentOperation<'_>> {
    let items = members(&document["paths"]);
    let operations = items.flat_map(|(path, item)| {
        members(item).map(move |(method, value)| {
            let id = value["operationId"].as_str().unwrap_or_default();
            DocumentOperation { path, method, id, value }
        })
    });
    operations.collect()
}

impl<'a> DocumentOperation<'a> {
    /// The responses whose status begins with one of these digits.
    pub fn responses(&self, digits: &'static [char]) -> impl Iterator<Item = (&'a str, &'a Value)> {
        members(&self.value["responses"]).filter(move |(status, _)| status.starts_with(digits))
    }
}

/// The members of an object by name; nothing where there is no object.
pub fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The items of an array; nothing where there is no array.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The texts of an array.
pub fn texts(value: &Value) -> impl Iterator<Item = &str> {
    items(value).filter_map(Value::as_str)
}

/// An object in the words of OpenAPI, such as an operation, a schema or a header; not what is data
/// of the API.
pub struct Part<'a> {
    /// Where it is, as a JSON pointer.
    pub place: String,
    pub value: &'a Value,
}

pub fn parts(document: &Value) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    collect(document, String::new(), false, &mut parts);
    parts
}

/// Below these keys a name is the API's own: a property called `example` is a schema.
const NAMED: [&str; 9] = [
    "paths",
    "responses",
    "headers",
    "content",
    "examples",
    "links",
    "schemas",
    "securitySchemes",
    "properties",
];

fn is_data(key: &str, value: &Value) -> bool {
    ["default", "enum", "const", "example", "value"].contains(&key)
        || (key == "examples" && value.is_array())
        || key.starts_with("x-")
}

fn collect<'a>(value: &'a Value, place: String, named: bool, parts: &mut Vec<Part<'a>>) {
    let below = |key: &str| format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(object) => {
            for (key, member) in object {
                if named {
                    collect(member, below(key), false, parts);
                } else if !is_data(key, member) {
                    collect(member, below(key), NAMED.contains(&key.as_str()), parts);
                }
            }
            if !named {
                parts.push(Part { place, value });
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, below(&index.to_string()), false, parts);
            }
        }
        _ => {}
    }
}
