//! The working form in the words of one OpenAPI version.

use serde_json::{Map, Value, json};

use super::{reorder, walk};

/// The project's licence as an SPDX expression.
const LICENSE: &str = "MIT OR Apache-2.0";

/// 3.0 knows no SPDX expressions, only one page to point at.
const LICENSE_URL: &str = "https://opensource.org/licenses/MIT";

pub(super) fn to_3_1(mut document: Value) -> Value {
    walk::schemas(&mut document, &mut schema_to_3_1);
    set_header(&mut document, "3.1.0", json!({ "name": LICENSE, "identifier": LICENSE }));
    document
}

pub(super) fn to_3_0(mut document: Value) -> Value {
    set_header(&mut document, "3.0.3", json!({ "name": LICENSE, "url": LICENSE_URL }));
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.shift_remove("summary");
    }
    // 3.0 has no webhooks; under this name the tools that know them still find them.
    if let Some(root) = document.as_object_mut()
        && let Some(webhooks) = root.shift_remove("webhooks")
    {
        root.insert("x-webhooks".to_owned(), webhooks);
    }
    document
}

fn set_header(document: &mut Value, version: &str, license: Value) {
    let Some(root) = document.as_object_mut() else { return };
    root.insert("openapi".to_owned(), version.into());
    if let Some(info) = root.get_mut("info").and_then(Value::as_object_mut) {
        info.insert("license".to_owned(), license);
        reorder(
            info,
            &["title", "summary", "description", "termsOfService", "contact", "license", "version"],
        );
    }
}

fn schema_to_3_1(schema: &mut Map<String, Value>) {
    let nullable = schema.shift_remove("nullable").and_then(|value| value.as_bool()).unwrap_or_default();
    if nullable {
        admit_null(schema);
    }
    exclusive_bound(schema, "exclusiveMinimum", "minimum");
    exclusive_bound(schema, "exclusiveMaximum", "maximum");
    rename(schema, "example", "examples", |example| json!([example]));
}

fn admit_null(schema: &mut Map<String, Value>) {
    let null = json!({ "type": "null" });
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
    } else if let Some(choices) =
        ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key)?.as_array().map(|_| key))
    {
        if let Some(choices) = schema.get_mut(choices).and_then(Value::as_array_mut) {
            choices.push(null);
        }
    } else {
        rename(schema, "allOf", "anyOf", |members| match members {
            Value::Array(mut members) if members.len() == 1 => {
                members.push(null);
                Value::Array(members)
            }
            members => json!([{ "allOf": members }, null]),
        });
    }
}

/// 3.0 says `minimum: 0, exclusiveMinimum: true`; 3.1 says `exclusiveMinimum: 0`.
fn exclusive_bound(schema: &mut Map<String, Value>, exclusive: &str, bound: &str) {
    if schema.get(exclusive).and_then(Value::as_bool) == Some(true) {
        schema.shift_remove(exclusive);
        rename(schema, bound, exclusive, |value| value);
    }
}

/// Gives a key another name and value in the same place.
fn rename(schema: &mut Map<String, Value>, from: &str, to: &str, change: impl FnOnce(Value) -> Value) {
    if !schema.contains_key(from) {
        return;
    }
    let mut change = Some(change);
    for (key, value) in std::mem::take(schema) {
        match change.take_if(|_| key == from) {
            Some(change) => schema.insert(to.to_owned(), change(value)),
            None => schema.insert(key, value),
        };
    }
}
