//! Iterates over a document: its operations, and its schemas wherever they are.

use serde_json::{Map, Value};

/// The keys of a path item that hold an operation.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The parts of a document that hold operations.
const SURFACES: [&str; 2] = ["paths", "webhooks"];

/// Every operation with its path and method, in the order of the document.
pub(super) fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Map<String, Value>)> {
    SURFACES.iter().filter_map(|surface| document.get(surface)?.as_object()).flatten().flat_map(
        |(path, item)| {
            let operations = item.as_object().into_iter().flatten();
            operations.filter_map(move |(method, operation)| {
                METHODS.contains(&method.as_str()).then_some((
                    path.as_str(),
                    method.as_str(),
                    operation.as_object()?,
                ))
            })
        },
    )
}

/// Calls `visit` on every schema of the document, inner schemas before the ones that hold them.
///
/// The places are listed one by one, because an example or a default may hold what only looks like a schema.
pub(super) fn schemas(document: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    for schema in document.pointer_mut("/components/schemas").into_iter().flat_map(values) {
        nested(schema, visit);
    }
    for header in document.pointer_mut("/components/headers").into_iter().flat_map(values) {
        under(header, "schema", visit);
    }
    for surface in SURFACES {
        let items = document.get_mut(surface).into_iter().flat_map(values);
        for operation in items.flat_map(values) {
            operation_schemas(operation, visit);
        }
    }
}

fn operation_schemas(operation: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        under(parameter, "schema", visit);
    }
    if let Some(request) = operation.get_mut("requestBody") {
        content_schemas(request, visit);
    }
    for response in operation.get_mut("responses").into_iter().flat_map(values) {
        content_schemas(response, visit);
        for header in response.get_mut("headers").into_iter().flat_map(values) {
            under(header, "schema", visit);
        }
    }
}

fn content_schemas(holder: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    for media_type in holder.get_mut("content").into_iter().flat_map(values) {
        under(media_type, "schema", visit);
    }
}

fn under(holder: &mut Value, key: &str, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    if let Some(schema) = holder.get_mut(key) {
        nested(schema, visit);
    }
}

fn nested(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    for property in schema.get_mut("properties").into_iter().flat_map(values) {
        nested(property, visit);
    }
    for key in ["items", "additionalProperties", "not"] {
        under(schema, key, visit);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for member in schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            nested(member, visit);
        }
    }
    if let Some(schema) = schema.as_object_mut() {
        visit(schema);
    }
}

/// The values of an object; none where there is no object.
fn values(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}
