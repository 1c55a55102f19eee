//! One schema in its canonical form, still with the keywords of 3.0.

use serde_json::{Map, Value, json};

use super::{drop_empty, drop_where};

/// Keywords that constrain nothing. Beside a reference, generators drop them or make a nameless
/// type.
const ANNOTATIONS: [&str; 4] = ["title", "description", "externalDocs", "example"];

pub(super) fn canonicalise(schema: &mut Map<String, Value>) {
    collapse_reference(schema);
    signed_format(schema);
    for key in ["minimum", "maximum", "multipleOf"] {
        whole_number(schema, key);
    }
    for key in ["exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "deprecated", "nullable"] {
        drop_where(schema, key, false);
    }
    drop_empty(schema, &["required", "enum", "allOf", "anyOf", "oneOf"]);
    list_null(schema);
}

/// poem-openapi writes keywords beside a reference as `{…, allOf: [{$ref}, {…}]}`, the keywords
/// twice.
///
/// What is left is the reference alone, or a one-member `allOf` beside the keywords that constrain.
fn collapse_reference(schema: &mut Map<String, Value>) {
    let Some(members) = schema.get("allOf").and_then(Value::as_array) else { return };
    let (reference, repeated) = match members.as_slice() {
        [reference] => (reference, None),
        [reference, repeated] => (reference, Some(repeated)),
        _ => return,
    };
    if !is_reference(reference) || !repeated.is_none_or(|repeated| is_part_of(repeated, schema)) {
        return;
    }
    let reference = reference.clone();
    schema.shift_remove("allOf");
    schema.retain(|key, _| !ANNOTATIONS.contains(&key.as_str()));
    if schema.is_empty() {
        if let Value::Object(reference) = reference {
            *schema = reference;
        }
    } else {
        schema.insert("allOf".to_owned(), json!([reference]));
    }
}

fn is_reference(schema: &Value) -> bool {
    schema.as_object().is_some_and(|schema| schema.len() == 1 && schema.contains_key("$ref"))
}

fn is_part_of(part: &Value, whole: &Map<String, Value>) -> bool {
    part.as_object().is_some_and(|part| part.iter().all(|(key, value)| whole.get(key) == Some(value)))
}

/// Only `int32` and `int64` mean something to every generator; unsigned types keep their lower
/// bound.
fn signed_format(schema: &mut Map<String, Value>) {
    let (format, unsigned) = match schema.get("format").and_then(Value::as_str) {
        Some("int8" | "int16") => ("int32", false),
        Some("uint8" | "uint16" | "uint32") => ("int32", true),
        Some("uint64") => ("int64", true),
        _ => return,
    };
    schema.insert("format".to_owned(), format.into());
    if unsigned && !schema.contains_key("minimum") {
        schema.insert("minimum".to_owned(), 0.into());
    }
}

/// Bounds are emitted as floats; an integer's bounds read as integers.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the value is whole and inside the exact range of a float"
)]
fn whole_number(schema: &mut Map<String, Value>, key: &str) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(value) = schema.get_mut(key)
        && let Some(number) = value.as_f64().filter(|number| value.is_f64() && number.abs() <= EXACT)
        && number.fract() == 0.0
    {
        *value = (number as i64).into();
    }
}

/// An enum of a nullable schema admits null only where it lists it.
fn list_null(schema: &mut Map<String, Value>) {
    let nullable = schema.get("nullable").and_then(Value::as_bool).unwrap_or_default();
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut)
        && nullable
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}
