//! Rules that a document must keep so that generated clients compile and work.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::operation::name;
use super::walk::{self, items};
use super::{DocumentError, Violation};

pub(super) fn check(document: &Value) -> Result<(), DocumentError> {
    let mut ids = HashMap::new();
    for (path, method, operation) in walk::operations(document) {
        let name = name(path, method);
        let id = check_operation(path, operation).map_err(|violation| violation.of(&name))?;
        if let Some(other) = ids.insert(id, name.clone()) {
            return Err(Violation::OperationIdTaken(id.to_owned(), other).of(&name));
        }
    }
    check_references(document, document, "")
}

/// Checks one operation without regard to the others, and returns its id.
fn check_operation<'a>(path: &str, operation: &'a Value) -> Result<&'a str, Violation> {
    let text = |key: &str| operation[key].as_str().filter(|text| !text.trim().is_empty());
    let id = text("operationId").ok_or(Violation::NoOperationId)?;
    if !is_resource_verb(id) {
        return Err(Violation::OperationIdForm(id.to_owned()));
    }
    let tags = items(&operation["tags"]).count();
    if tags != 1 {
        return Err(Violation::Tags(tags));
    }
    text("summary").ok_or(Violation::NoSummary)?;
    text("description").ok_or(Violation::NoDescription)?;
    let names = path.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let template: Vec<_> = names.map(|(name, _)| name.to_owned()).collect();
    let parameters = items(&operation["parameters"]).filter(|parameter| parameter["in"] == "path");
    let declared: Vec<_> =
        parameters.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect();
    if template != declared {
        return Err(Violation::PathParameters { declared, template });
    }
    let responses = operation["responses"].as_object().into_iter().flatten();
    let successes = responses.filter(|(status, _)| status.starts_with('2'));
    let bodies = successes.filter_map(|(_, response)| response["content"].as_object()).map(Map::len).sum();
    if bodies > 1 { Err(Violation::SuccessBodies(bodies)) } else { Ok(id) }
}

/// Lower-case words joined by single underscores, at least two of them.
fn is_resource_verb(id: &str) -> bool {
    let mut words = id.split('_');
    let lower = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    id.contains('_') && words.all(lower)
}

/// Follows every `$ref`, except in values that are data of the API.
fn check_references(document: &Value, value: &Value, pointer: &str) -> Result<(), DocumentError> {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (key.as_str(), value) {
                    ("example" | "examples" | "default" | "enum", _) => {}
                    ("$ref", Value::String(target)) => {
                        let found = target.strip_prefix('#').and_then(|place| document.pointer(place));
                        if found.is_none() {
                            return Err(DocumentError::Reference { pointer, target: target.clone() });
                        }
                    }
                    _ => check_references(document, value, &pointer)?,
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_references(document, item, &format!("{pointer}/{index}"))?;
            }
        }
        _ => {}
    }
    Ok(())
}
