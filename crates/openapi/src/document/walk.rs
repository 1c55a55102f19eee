//! Iterates over a document: its operations, and its schemas wherever they are.

use serde_json::{Map, Value};

/// The keys of a path item that hold an operation.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Every operation with its path and method, in the order of the document.
pub(super) fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let surfaces = ["paths", "webhooks"].into_iter().filter_map(|surface| document[surface].as_object());
    surfaces.flatten().flat_map(|(path, item)| {
        let members = item.as_object().into_iter().flatten();
        let operations = members.filter(|(method, _)| METHODS.contains(&method.as_str()));
        operations.map(|(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// The items of an array; none where there is no array.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Calls `visit` on every schema of the document, inner schemas before the ones that hold them.
///
/// Examples are left out, because they may hold what only looks like a schema.
pub(super) fn schemas(part: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match part {
        Value::Object(object) => {
            for (key, value) in object {
                match key.as_str() {
                    "schema" => nested(value, visit),
                    "schemas" => values(value).for_each(|schema| nested(schema, visit)),
                    "example" | "examples" => {}
                    _ => schemas(value, visit),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| schemas(item, visit)),
        _ => {}
    }
}

fn nested(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    let Some(schema) = schema.as_object_mut() else { return };
    for property in schema.get_mut("properties").into_iter().flat_map(values) {
        nested(property, visit);
    }
    for key in ["items", "additionalProperties", "not"] {
        schema.get_mut(key).into_iter().for_each(|schema| nested(schema, visit));
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for member in schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            nested(member, visit);
        }
    }
    visit(schema);
}

/// The values of an object; none where there is no object.
fn values(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}
