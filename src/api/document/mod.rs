//! The published OpenAPI document.
//!
//! poem-openapi emits a document that claims 3.0.0 and that client generators stumble over. This module reads it once
//! at start-up, refuses what would break a client, and writes the canonical forms: 3.1.0 for people and typed
//! clients, 3.0.3 for the tools that read nothing newer.
//!
//! What an operation declares stays short: an error response carries no content and names its codes in its
//! description (`"email_taken,last_superuser"`). The codes every operation of its kind can answer with are added here.

mod checks;
mod declared;
mod dialect;
pub mod diff;
mod error;
mod error_body;
mod headers;
mod links;
mod operation;
mod responses;
mod schema;
pub mod table;
#[cfg(test)]
mod tests;
mod walk;

use serde_json::{Map, Value, json};

pub use self::error::{DocumentError, Problem};
use super::strict_json;

/// The published document in its three forms; built once.
#[derive(Debug, Clone)]
pub struct Documents {
    /// OpenAPI 3.1.0, indented, with a newline at the end: the canonical form.
    pub json: String,
    /// The same document as YAML.
    pub yaml: String,
    /// OpenAPI 3.0.3, for generators and comparison tools that do not read 3.1.
    pub json_3_0: String,
}

/// One error code as the document describes it.
#[derive(Debug, Clone)]
pub struct ErrorCase {
    /// The stable code clients branch on.
    pub code: &'static str,
    /// The one HTTP status this code is answered with.
    pub status: u16,
    /// The sentence people read, shown as the example.
    pub message: &'static str,
    /// What `details` holds for this code, as an example; `None` where the body has no details.
    pub details: Option<Value>,
}

impl Documents {
    /// Makes the documents from what poem-openapi emitted and from the catalogue of error codes.
    /// `path_of` says where a declared path is served.
    pub fn from_spec(
        spec: &str,
        catalogue: &[ErrorCase],
        path_of: impl Fn(&str) -> String,
    ) -> Result<Self, DocumentError> {
        // Two `OpenApi` types on one path emit the path twice; the router serves both, so both are kept.
        let mut document = strict_json::read_merging(spec.as_bytes(), "/paths")?;
        if let Some(Value::Object(paths)) = document.get_mut("paths") {
            *paths = std::mem::take(paths).into_iter().map(|(path, item)| (path_of(&path), item)).collect();
        }
        canonicalise(&mut document, catalogue)?;
        checks::check(&document)?;
        let newest = dialect::to_3_1(document.clone());
        let older = dialect::to_3_0(document);
        Ok(Self {
            json: indented(&newest)?,
            yaml: serde_saphyr::to_string(&newest)?,
            json_3_0: indented(&older)?,
        })
    }
}

fn indented(document: &Value) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}

/// Everything both versions share. The working form is 3.0 in its words (`nullable`, `example`).
fn canonicalise(document: &mut Value, catalogue: &[ErrorCase]) -> Result<(), DocumentError> {
    let root = document.as_object_mut().ok_or(DocumentError::NotAnObject)?;
    if root.get("servers").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        root.insert("servers".to_owned(), json!([{ "url": "/" }]));
    }
    drop_empty(root, &["tags"]);
    let components = member(root, "components")?;
    error_body::define(member(components, "schemas")?, catalogue);
    components.sort_keys();
    for section in components.values_mut().filter_map(Value::as_object_mut) {
        section.sort_keys();
    }
    let components = Value::Object(components.clone());
    operation::canonicalise_all(root, &components, catalogue)?;
    let paths = root.entry("paths").or_insert_with(|| json!({}));
    links::add(paths, &components);
    let paths = paths.to_string();
    let components = member(root, "components")?;
    headers::define(member(components, "headers")?, &paths);
    components.sort_keys();
    reorder(root, &["openapi", "info", "externalDocs", "servers", "tags", "paths", "webhooks", "components"]);
    walk::schemas(document, &mut schema::canonicalise);
    Ok(())
}

/// The object under `key`, made when there is none.
fn member<'a>(
    object: &'a mut Map<String, Value>,
    key: &str,
) -> Result<&'a mut Map<String, Value>, DocumentError> {
    object.entry(key).or_insert_with(|| json!({})).as_object_mut().ok_or(DocumentError::NotAnObject)
}

/// Puts the named keys first, in this order; the others follow as they were.
fn reorder(object: &mut Map<String, Value>, order: &[&str]) {
    let mut rest = std::mem::take(object);
    for key in order {
        if let Some((key, value)) = rest.shift_remove_entry(*key) {
            object.insert(key, value);
        }
    }
    object.append(&mut rest);
}

fn drop_empty(object: &mut Map<String, Value>, keys: &[&str]) {
    for key in keys {
        if object.get(*key).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            object.shift_remove(*key);
        }
    }
}

fn drop_where(object: &mut Map<String, Value>, key: &str, default: bool) {
    if object.get(key).and_then(Value::as_bool) == Some(default) {
        object.shift_remove(key);
    }
}
