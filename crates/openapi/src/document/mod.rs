//! From what poem-openapi emits to the published documents.

mod dialect;
mod error;
mod error_body;
mod headers;
mod links;
mod operation;
mod responses;
mod samples;
mod schema;
pub mod table;
#[cfg(test)]
mod tests;
mod traits;
mod walk;

use std::borrow::Cow;

use serde_json::{Map, Value, json};

pub use self::error::DocumentError;
pub use self::traits::LOGIN_ONLY;
use crate::error_code::{ErrorCode, ImpliedErrors};
use crate::strict_json;

/// The published document in its three forms.
#[derive(Debug, Clone)]
pub struct Documents {
    /// OpenAPI 3.1.0, indented, with a newline at the end: the canonical form.
    pub json: Cow<'static, str>,
    /// The same document as YAML.
    pub yaml: Cow<'static, str>,
    /// OpenAPI 3.0.3, for generators and comparison tools that do not read 3.1.
    pub json_3_0: Cow<'static, str>,
}

/// The schemas and the headers that all documents share, as `components` in the working form.
const SHARED: &str = include_str!("../../assets/document/components.json");

/// What the document has beyond what poem-openapi emits.
pub struct Config<'a> {
    /// Every error code, in the order of the document.
    pub catalogue: &'a [ErrorCode],
    /// The codes that operations need not declare.
    pub implied: ImpliedErrors,
    /// Where a declared path is served.
    pub path_of: &'a dyn Fn(&str) -> String,
}

impl Documents {
    /// Makes the documents from what poem-openapi emitted.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn from_spec(spec: &str, config: &Config<'_>) -> Result<Self, DocumentError> {
        Self::with_samples(spec, config, "{}")
    }

    /// The same, with code samples: `x-codeSamples`, which Redoc shows.
    ///
    /// `samples` is JSON with the samples of each operation by its id. Where they call
    /// `http://localhost:8000` below the published prefix, [`Self::served_under`] moves them as well.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn with_samples(spec: &str, config: &Config<'_>, samples: &str) -> Result<Self, DocumentError> {
        let mut document = strict_json::read(spec.as_bytes())?;
        if let Some(Value::Object(paths)) = document.get_mut("paths") {
            let moved = std::mem::take(paths).into_iter().map(|(path, item)| ((config.path_of)(&path), item));
            *paths = moved.collect();
        }
        canonicalise(&mut document, config)?;
        samples::attach(&mut document, samples)?;
        let newest = dialect::to_3_1(document.clone());
        let older = dialect::to_3_0(document);
        Ok(Self {
            json: indented(&newest)?.into(),
            yaml: serde_saphyr::to_string(&newest)?.into(),
            json_3_0: indented(&older)?.into(),
        })
    }

    /// The same documents for a client that fetched them: operations are below `prefix` instead of
    /// `published_prefix`, and the server is the folder that the document is in.
    ///
    /// Only the lines of paths, of the server and of samples change; nothing is parsed, so this takes
    /// little more memory than the result.
    #[must_use]
    pub fn served_under(&self, published_prefix: &str, prefix: &str) -> Self {
        let replace = |text: &str, server: [&str; 2], indents: &[&str]| {
            let text = text.replacen(server[0], server[1], 1);
            let text = samples::moved(text, published_prefix, prefix);
            indents.iter().fold(text, |text, indent| {
                text.replace(&format!("\n{indent}{published_prefix}/"), &format!("\n{indent}{prefix}/"))
            })
        };
        let json = |text| replace(text, ["\"url\": \"/\"", "\"url\": \".\""], &["    \""]).into();
        Self {
            json: json(&self.json),
            // A path with parameters is quoted.
            yaml: replace(&self.yaml, ["\n- url: /\n", "\n- url: '.'\n"], &["  ", "  \""]).into(),
            json_3_0: json(&self.json_3_0),
        }
    }
}

fn indented(document: &Value) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}

/// Everything both versions share. The working form uses the keywords of 3.0 (`nullable`,
/// `example`).
fn canonicalise(document: &mut Value, config: &Config<'_>) -> Result<(), DocumentError> {
    let mut shared: Value = serde_json::from_str(SHARED)?;
    let root = document.as_object_mut().ok_or(DocumentError::NotAnObject)?;
    if root.get("servers").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        root.insert("servers".to_owned(), json!([{ "url": "/" }]));
    }
    drop_empty(root, &["tags"]);
    let components = member(root, "components")?;
    error_body::define(member(components, "schemas")?, shared["schemas"].take(), config.catalogue);
    components.sort_keys();
    for section in components.values_mut().filter_map(Value::as_object_mut) {
        section.sort_keys();
    }
    let components = Value::Object(components.clone());
    operation::canonicalise_all(root, &components, config)?;
    let paths = root.entry("paths").or_insert_with(|| json!({}));
    links::add(paths, &components);
    let paths = paths.to_string();
    let components = member(root, "components")?;
    headers::define(member(components, "headers")?, shared["headers"].take(), &paths);
    components.sort_keys();
    reorder(root, &["openapi", "info", "externalDocs", "servers", "tags", "paths", "webhooks", "components"]);
    walk::schemas(document, &mut schema::canonicalise);
    Ok(())
}

/// The object under `key`, created when there is none.
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
