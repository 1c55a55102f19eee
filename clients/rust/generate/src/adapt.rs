//! Changes the document in memory, so that progenitor generates what a client needs.

use serde_json::{Map, Value, json};

/// The type of a string that may be absent from a body, or null.
pub const NULLABLE_STRING: &str = "NullableString";

/// The type of a password, a token, an API key or a webhook's secret.
pub const SECRET: &str = "Secret";

/// Validation keywords. The service validates values and reports the broken rules. A client that
/// validated by the rules of its own version would refuse what a newer service accepts, and fail to
/// read what it sends.
const RULES: [&str; 6] = ["minLength", "maxLength", "pattern", "minimum", "maximum", "multipleOf"];

/// Adapts all schemas of the document.
pub fn adapt(document: &mut Value) {
    drop_rules(document);
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    let enums = named_enums(schemas);
    for (schema_name, schema) in schemas.iter_mut() {
        let is_shown_once = schema_name.ends_with("WithSecret");
        let required = schema["required"].clone();
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        for (name, property) in properties {
            let is_required =
                required.as_array().is_some_and(|names| names.iter().any(|other| other == name));
            if is_string(property) && property["nullable"] == true && !is_required {
                refer(property, NULLABLE_STRING);
            } else if is_string(property) && is_secret(name, is_shown_once) {
                refer(property, SECRET);
            } else if let Some(name) = enums.iter().find(|(_, values)| has_these_or_null(property, values)) {
                refer(property, &name.0);
                property["nullable"] = true.into();
            }
        }
    }
    for name in [NULLABLE_STRING, SECRET] {
        schemas.insert(name.to_owned(), json!({ "type": "string" }));
    }
}

/// The enumerations among the schemas: their names and their values.
fn named_enums(schemas: &Map<String, Value>) -> Vec<(String, Vec<Value>)> {
    let named =
        |(name, schema): (&String, &Value)| Some((name.clone(), schema.get("enum")?.as_array()?.clone()));
    schemas.iter().filter_map(named).collect()
}

/// Whether the property has a value of the enumeration or null. The document lists the values again
/// there, and a type for that list could get the name of the enumeration's.
fn has_these_or_null(property: &Value, values: &[Value]) -> bool {
    let Some(own) = property.get("enum").and_then(Value::as_array) else { return false };
    own.contains(&Value::Null) && own.iter().filter(|value| !value.is_null()).eq(values)
}

/// By the names of the document. A schema whose secret is shown once has it in one of two fields.
fn is_secret(name: &str, is_shown_once: bool) -> bool {
    let is_credential = name.ends_with("password") || name.ends_with("_token") || name == "token";
    is_credential || is_shown_once && ["key", "secret"].contains(&name)
}

fn drop_rules(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.get("type").is_some_and(Value::is_string) {
                for rule in RULES {
                    object.remove(rule);
                }
            }
            object.values_mut().for_each(drop_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_rules),
        _ => {}
    }
}

fn is_string(schema: &Value) -> bool {
    schema["type"] == "string"
}

/// Gives the property the named type, and keeps its description.
fn refer(property: &mut Value, name: &str) {
    let mut reference = Map::new();
    if let Some(description) = property.get("description") {
        reference.insert("description".to_owned(), description.clone());
    }
    reference.insert("allOf".to_owned(), json!([{ "$ref": format!("#/components/schemas/{name}") }]));
    *property = Value::Object(reference);
}
