//! The uniform error body, as schemas and as examples.

use serde_json::{Map, Value, json};

use crate::error_code::ErrorCode;

/// `Error` itself collides with a built-in name in Python and TypeScript.
const NAME: &str = "ErrorBody";

/// The request id of every example, also of the header in `components.json`.
const EXAMPLE_REQUEST_ID: &str = "018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a";

/// Adds the schemas of the error body with the codes of the catalogue, unless the API's own types
/// already did.
pub(super) fn define(schemas: &mut Map<String, Value>, mut shared: Value, catalogue: &[ErrorCode]) {
    if schemas.contains_key(NAME) {
        return;
    }
    let lines = catalogue
        .iter()
        .map(|case| format!("- `{}` ({}): {}", case.code, case.status.as_u16(), case.message));
    let lines = lines.collect::<Vec<_>>().join("\n");
    shared[NAME]["example"] = catalogue.first().map(body).into();
    // Clients treat an unknown code by its status (`x-extensible-enum`), so that a new one breaks
    // no client.
    shared["ErrorCode"]["description"] = format!("Why the request failed:\n\n{lines}").into();
    shared["ErrorCode"]["enum"] = catalogue.iter().map(|case| case.code).collect();
    let Value::Object(shared) = shared else { return };
    for (name, schema) in shared {
        schemas.entry(name).or_insert(schema);
    }
}

/// The body of this case.
fn body(case: &ErrorCode) -> Value {
    let mut body = json!({ "success": false, "error": case.code, "message": case.message });
    if case.code == ErrorCode::VALIDATION_ERROR.code {
        let field = json!({ "field": "email", "rule": "format", "message": "must contain an @" });
        body["details"] = json!({ "fields": [field] });
    }
    body["request_id"] = EXAMPLE_REQUEST_ID.into();
    body
}

/// The content of an error response: one example per code.
pub(super) fn content(cases: &[&ErrorCode]) -> Value {
    let examples: Map<String, Value> =
        cases.iter().map(|case| (case.code.to_owned(), json!({ "value": body(case) }))).collect();
    json!({
        "application/json": {
            "schema": { "$ref": format!("#/components/schemas/{NAME}") },
            "examples": examples,
        },
    })
}
