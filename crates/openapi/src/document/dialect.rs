//! From the working form to one OpenAPI version.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{reorder, walk};

pub(super) fn to_3_1(mut document: Value) -> Value {
    inline_nullable_enums(&mut document);
    walk::schemas(&mut document, &mut schema_to_3_1);
    // 3.1 forbids both together.
    let license = document.pointer_mut("/info/license").and_then(Value::as_object_mut);
    if let Some(license) = license.filter(|license| license.contains_key("identifier")) {
        license.shift_remove("url");
    }
    set_version(&mut document, "3.1.0");
    document
}

pub(super) fn to_3_0(mut document: Value) -> Value {
    // 3.0 has neither.
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.shift_remove("summary");
        info.get_mut("license")
            .and_then(Value::as_object_mut)
            .map(|license| license.shift_remove("identifier"));
    }
    // 3.0 has no webhooks either.
    if document.as_object_mut().is_some_and(|root| root.shift_remove("webhooks").is_some()) {
        drop_unused(&mut document);
    }
    inline_nullable_enums(&mut document);
    set_version(&mut document, "3.0.3");
    document
}

/// In 3.0 null has to be among the values of an enum, and `nullable` needs a `type` beside it: a
/// reference that may be null has neither. In 3.1 it is the same, so that both describe one API.
fn inline_nullable_enums(document: &mut Value) {
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let mut inlined = BTreeSet::new();
    walk::schemas(document, &mut |schema| {
        let is_nullable = schema.get("nullable").and_then(Value::as_bool) == Some(true);
        let Some(Value::Array(members)) = schema.get("allOf").filter(|_| is_nullable) else { return };
        let [member] = members.as_slice() else { return };
        let name = member["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let target = &schemas[name];
        let Some(values) = target["enum"].as_array() else { return };
        let values: Vec<_> = values.iter().cloned().chain([Value::Null]).collect();
        inlined.insert(name.to_owned());
        schema.shift_remove("allOf");
        schema.insert("type".to_owned(), target["type"].clone());
        schema.insert("enum".to_owned(), values.into());
        if !schema.contains_key("description") {
            schema.insert("description".to_owned(), target["description"].clone());
        }
    });
    let text = document.to_string();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.retain(|name, _| !inlined.contains(name) || text.contains(&reference_to(name)));
    }
}

/// A reference to a schema, as text of JSON.
fn reference_to(schema: &str) -> String {
    format!("\"#/components/schemas/{schema}\"")
}

/// Drops the tags and the schemas that nothing leads to.
fn drop_unused(document: &mut Value) {
    let tags: Vec<Value> = walk::operations(document)
        .flat_map(|(_, _, operation)| walk::items(&operation["tags"]).cloned().collect::<Vec<_>>())
        .collect();
    if let Some(all) = document.get_mut("tags").and_then(Value::as_array_mut) {
        all.retain(|tag| tags.contains(&tag["name"]));
    }
    loop {
        let text = document.to_string();
        let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
        let Some(schemas) = schemas else { return };
        let before = schemas.len();
        schemas.retain(|name, _| text.contains(&reference_to(name)));
        // What only a dropped schema led to is unused now.
        if schemas.len() == before {
            return;
        }
    }
}

fn set_version(document: &mut Value, version: &str) {
    let Some(root) = document.as_object_mut() else { return };
    root.insert("openapi".to_owned(), version.into());
    if let Some(info) = root.get_mut("info").and_then(Value::as_object_mut) {
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
    if let Some(types) = schema.get_mut("type") {
        *types = json!([types.take(), "null"]);
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
