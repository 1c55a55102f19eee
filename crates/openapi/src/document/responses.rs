//! The responses of one operation: the declared ones, completed, and the errors that it implies.

use std::collections::{BTreeMap, BTreeSet};

use poem::http::StatusCode;
use serde_json::{Map, Value, json};

use super::traits::{self, OperationTraits};
use super::{Config, drop_empty, error_body, headers, reorder};
use crate::error_code::ErrorCode;

/// Indexes into the catalogue: examples follow its order, each code once.
type Codes = BTreeSet<usize>;

/// Replaces the operation's responses by complete ones, sorted by status.
pub(super) fn complete(
    method: &str,
    operation: &mut Map<String, Value>,
    traits: &OperationTraits,
    config: &Config<'_>,
) -> Result<(), String> {
    let catalogue = config.catalogue;
    let mut complete = BTreeMap::new();
    let mut errors = BTreeMap::<u16, Codes>::new();
    for code in implied_codes(operation, traits, config) {
        let (index, case) = find(catalogue, code)?;
        errors.entry(case.status.as_u16()).or_default().insert(index);
    }
    let declared = operation.get_mut("responses").and_then(Value::as_object_mut).map(std::mem::take);
    for (status, response) in declared.unwrap_or_default() {
        // `default` and ranges hide which statuses occur.
        let number = status.parse::<u16>();
        let status =
            number.map_err(|_| format!("declares the response `{status}`, which is no status code"))?;
        let Value::Object(mut response) = response else { continue };
        if status >= 400 {
            declared_codes(status, &response, catalogue, errors.entry(status).or_default())?;
        } else if response.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
            response.insert("description".to_owned(), reason(status).into());
        }
        complete.insert(status, response);
    }
    for (status, indexes) in errors {
        let cases: Vec<_> = indexes.iter().filter_map(|index| catalogue.get(*index)).collect();
        let response = complete.entry(status).or_default();
        response.insert("description".to_owned(), description(status, &cases).into());
        response.insert("content".to_owned(), error_body::content(&cases));
    }
    let responses = complete.into_iter().map(|(status, mut response)| {
        headers::complete(&mut response, status, method, traits);
        reorder(&mut response, &["description", "headers", "content"]);
        (status.to_string(), Value::Object(response))
    });
    operation.insert("responses".to_owned(), Value::Object(responses.collect()));
    Ok(())
}

/// The codes that an operation can return without declaring them.
fn implied_codes<'a>(
    operation: &Map<String, Value>,
    declared: &OperationTraits,
    config: &'a Config<'_>,
) -> impl Iterator<Item = &'static str> + use<'a> {
    let has = |key: &str| operation.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let implied = &config.implied;
    let has_body = operation.contains_key("requestBody");
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let has_input = parameters
        .filter_map(|parameter| parameter["name"].as_str())
        .any(|name| !headers::CONDITIONS.contains(&name));
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let rules = [
        (true, implied.always),
        (has_body, implied.with_body),
        (has_body || has_input, implied.with_input),
        (declared.has_idempotency_key, implied.with_idempotency_key),
        (traits::has_header(operation, "If-Match"), implied.with_condition),
        (has("security"), implied.with_security),
        (declared.requires_role, implied.with_role),
        (declared.is_rate_limited(), implied.with_rate_limit),
        (!implied.infallible.contains(&id), implied.server),
    ];
    rules.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, codes)| codes.iter().copied())
}

/// Reads the codes that an error response lists in its description.
fn declared_codes(
    status: u16,
    response: &Map<String, Value>,
    catalogue: &[ErrorCode],
    codes: &mut Codes,
) -> Result<(), String> {
    if response.contains_key("content") {
        let rule = "has a body of its own; an error response only names its codes";
        return Err(format!("the response {status} {rule}"));
    }
    let description = response.get("description").and_then(Value::as_str).unwrap_or_default();
    for code in description.split(',').map(str::trim).filter(|code| !code.is_empty()) {
        let (index, case) = find(catalogue, code)?;
        let known = case.status.as_u16();
        if known != status {
            return Err(format!("the error code `{code}` belongs to the status {known}, not {status}"));
        }
        codes.insert(index);
    }
    if codes.is_empty() {
        return Err(format!("the response {status} names no error code in its description"));
    }
    Ok(())
}

fn find<'a>(catalogue: &'a [ErrorCode], code: &str) -> Result<(usize, &'a ErrorCode), String> {
    let mut cases = catalogue.iter().enumerate();
    cases
        .find(|(_, case)| case.code == code)
        .ok_or_else(|| format!("the error code `{code}` is not in the catalogue"))
}

/// The reason phrase of HTTP, then the codes.
fn description(status: u16, cases: &[&ErrorCode]) -> String {
    let codes: Vec<_> = cases.iter().map(|case| format!("`{}`", case.code)).collect();
    format!("{}: {}.", reason(status), codes.join(" or "))
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Response")
}

/// Reduces media types of a body to their essence, and adds the example of the schema where there
/// is one.
pub(super) fn complete_content(holder: &mut Map<String, Value>, components: &Value) {
    let Some(Value::Object(content)) = holder.get_mut("content") else { return };
    for (name, mut media_type) in std::mem::take(content) {
        if let Some(media_type) = media_type.as_object_mut()
            && let Some(example) = media_type.get("schema").and_then(|schema| example(schema, components, 0))
        {
            media_type.entry("example").or_insert(example);
        }
        // JSON is UTF-8 by definition; generators do not recognize it with the parameter.
        let name = name.split_once(';').map_or(name.as_str(), |(essence, _)| essence.trim_end());
        content.insert(name.to_owned(), media_type);
    }
    drop_empty(holder, &["content"]);
}

/// The example of a schema: its own, that of the schema it refers to, or one composed of its parts'
/// examples.
fn example(schema: &Value, components: &Value, depth: u8) -> Option<Value> {
    const MAX_DEPTH: u8 = 8;
    if depth > MAX_DEPTH {
        return None;
    }
    let inner = |schema: &Value| example(schema, components, depth + 1);
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return inner(components.pointer(name.strip_prefix("#/components")?)?);
    }
    // A reference, and perhaps a description beside it.
    if let Some(members) = schema.get("allOf").and_then(Value::as_array) {
        return members.iter().find_map(inner);
    }
    if let Some(items) = schema.get("items") {
        return Some(json!([inner(items)?]));
    }
    let required = schema.get("required").and_then(Value::as_array);
    let mut object = Map::new();
    for (name, property) in schema.get("properties")?.as_object()? {
        match inner(property) {
            Some(example) => {
                object.insert(name.clone(), example);
            }
            None if required.is_some_and(|required| required.iter().any(|key| key == name)) => return None,
            None => {}
        }
    }
    (!object.is_empty()).then_some(Value::Object(object))
}
