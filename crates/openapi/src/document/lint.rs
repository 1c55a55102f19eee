//! Rules that a document must keep so that generated clients compile and work.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::operation::name;
use super::{DocumentError, Violation, walk};

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
fn check_operation<'a>(path: &str, operation: &'a Map<String, Value>) -> Result<&'a str, Violation> {
    let id = text(operation, "operationId").ok_or(Violation::NoOperationId)?;
    if !is_resource_verb(id) {
        return Err(Violation::OperationIdForm(id.to_owned()));
    }
    let tags = operation.get("tags").and_then(Value::as_array).map_or(0, Vec::len);
    if tags != 1 {
        return Err(Violation::Tags(tags));
    }
    text(operation, "summary").ok_or(Violation::NoSummary)?;
    text(operation, "description").ok_or(Violation::NoDescription)?;
    let (template, declared) = (template_parameters(path), declared_parameters(operation));
    if template != declared {
        return Err(Violation::PathParameters { declared, template });
    }
    let bodies = success_bodies(operation);
    if bodies > 1 { Err(Violation::SuccessBodies(bodies)) } else { Ok(id) }
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !text.trim().is_empty())
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

fn template_parameters(path: &str) -> Vec<String> {
    let parts = path.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}')).map(|(name, _)| name.to_owned()).collect()
}

fn declared_parameters(operation: &Map<String, Value>) -> Vec<String> {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    parameters
        .filter(|parameter| parameter.get("in").and_then(Value::as_str) == Some("path"))
        .filter_map(|parameter| Some(parameter.get("name")?.as_str()?.to_owned()))
        .collect()
}

fn success_bodies(operation: &Map<String, Value>) -> usize {
    let responses = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    responses
        .filter(|(status, _)| status.starts_with('2'))
        .filter_map(|(_, response)| response.get("content")?.as_object())
        .map(Map::len)
        .sum()
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
