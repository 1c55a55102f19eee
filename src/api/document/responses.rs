//! The responses of one operation: the declared ones, completed, and the errors it can answer with like any other.

use std::collections::{BTreeMap, BTreeSet};

use poem::http::StatusCode;
use serde_json::{Map, Value, json};

use super::declared::Declared;
use super::{ErrorCase, Problem, drop_empty, error_body, headers, reorder};

/// Positions in the catalogue: examples follow its order, each code once.
type Codes = BTreeSet<usize>;

/// Replaces the operation's responses by complete ones, sorted by status.
pub(super) fn complete(
    path: &str,
    operation: &mut Map<String, Value>,
    policy: &Declared,
    catalogue: &[ErrorCase],
) -> Result<(), Problem> {
    let mut complete = BTreeMap::new();
    let mut errors = BTreeMap::<u16, Codes>::new();
    for code in implied_codes(path, operation, policy) {
        let (index, case) = find(catalogue, code)?;
        errors.entry(case.status).or_default().insert(index);
    }
    let declared = operation.get_mut("responses").and_then(Value::as_object_mut).map(std::mem::take);
    for (status, response) in declared.unwrap_or_default() {
        let Ok(status) = status.parse::<u16>() else { return Err(Problem::Status(status)) };
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
        headers::complete(&mut response, status, policy);
        reorder(&mut response, &["description", "headers", "content"]);
        (status.to_string(), Value::Object(response))
    });
    operation.insert("responses".to_owned(), Value::Object(responses.collect()));
    Ok(())
}

/// What an operation can answer with because of its shape, without declaring it.
fn implied_codes(path: &str, operation: &Map<String, Value>, policy: &Declared) -> Vec<&'static str> {
    let has = |key: &str| operation.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    // Any request can be malformed as HTTP, in its `Host` for one (RFC 9112, section 3.2).
    let mut codes = vec!["malformed_request"];
    if operation.contains_key("requestBody") {
        codes.extend(["request_timeout", "payload_too_large", "unsupported_media_type"]);
        codes.push("not_implemented");
    }
    if operation.contains_key("requestBody") || has("parameters") {
        codes.push("validation_error");
    }
    if has("security") {
        codes.extend(["unauthorized", "invalid_token"]);
    }
    if policy.restricted {
        codes.push("forbidden");
    }
    if policy.limited {
        codes.push("rate_limited");
    }
    // Liveness touches nothing that could fail.
    if !path.ends_with("/health/live") {
        codes.extend(["internal_error", "service_unavailable"]);
    }
    codes
}

/// Reads the codes an error response lists in its description.
fn declared_codes(
    status: u16,
    response: &Map<String, Value>,
    catalogue: &[ErrorCase],
    codes: &mut Codes,
) -> Result<(), Problem> {
    if response.contains_key("content") {
        return Err(Problem::ErrorBody(status));
    }
    let description = response.get("description").and_then(Value::as_str).unwrap_or_default();
    for code in description.split(',').map(str::trim).filter(|code| !code.is_empty()) {
        let (index, case) = find(catalogue, code)?;
        if case.status != status {
            let code = code.to_owned();
            return Err(Problem::CodeStatus { code, declared: status, catalogue: case.status });
        }
        codes.insert(index);
    }
    if codes.is_empty() { Err(Problem::NoCodes(status)) } else { Ok(()) }
}

fn find<'a>(catalogue: &'a [ErrorCase], code: &str) -> Result<(usize, &'a ErrorCase), Problem> {
    let mut cases = catalogue.iter().enumerate();
    cases.find(|(_, case)| case.code == code).ok_or_else(|| Problem::UnknownCode(code.to_owned()))
}

/// The reason in the words of HTTP, then the codes.
fn description(status: u16, cases: &[&ErrorCase]) -> String {
    let codes: Vec<_> = cases.iter().map(|case| format!("`{}`", case.code)).collect();
    format!("{}: {}.", reason(status), codes.join(" or "))
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Response")
}

/// Gives the body of a request or of a success one type name and, where its schema has one, an example.
pub(super) fn complete_content(holder: &mut Map<String, Value>, components: &Value) {
    let Some(Value::Object(content)) = holder.get_mut("content") else { return };
    for (name, mut media_type) in std::mem::take(content) {
        if let Some(media_type) = media_type.as_object_mut()
            && let Some(example) = media_type.get("schema").and_then(|schema| example(schema, components, 0))
        {
            media_type.entry("example").or_insert(example);
        }
        // JSON is UTF-8 by definition; with the parameter, generators do not recognise it.
        let name = name.split_once(';').map_or(name.as_str(), |(essence, _)| essence.trim_end());
        content.insert(name.to_owned(), media_type);
    }
    drop_empty(holder, &["content"]);
}

/// The example of a schema: its own, that of what it refers to, or one put together from its parts.
fn example(schema: &Value, components: &Value, depth: u8) -> Option<Value> {
    const DEEPEST: u8 = 8;
    if depth > DEEPEST {
        return None;
    }
    let inner = |schema: &Value| example(schema, components, depth + 1);
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return inner(components.pointer(name.strip_prefix("#/components")?)?);
    }
    if let Some([only]) = schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        return inner(only);
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
