//! The uniform error body, as schemas and as examples.

use serde_json::{Map, Value, json};

use super::ErrorCase;

/// `Error` itself collides with a built-in name in Python and TypeScript.
const NAME: &str = "ErrorBody";

/// The request id of every example, also of the header in `components.json`.
const EXAMPLE_REQUEST_ID: &str = "018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a";

/// Adds the schemas of the error body with the codes of the catalogue, unless the API's own types
/// already did.
pub(super) fn define(schemas: &mut Map<String, Value>, mut shared: Value, catalogue: &[ErrorCase]) {
    if schemas.contains_key(NAME) {
        return;
    }
    let lines = catalogue.iter().map(|case| format!("- `{}` ({}): {}", case.code, case.status, case.message));
    let lines = lines.collect::<Vec<_>>().join("\n");
    shared[NAME]["example"] = catalogue.first().map(body).into();
    // Clients treat an unknown code by its status (`x-extensible-enum`), so that a new one breaks no
    // client.
    shared["ErrorCode"]["description"] = format!("Why the request failed:\n\n{lines}").into();
    shared["ErrorCode"]["enum"] = catalogue.iter().map(|case| case.code).collect();
    let Value::Object(shared) = shared else { return };
    for (name, schema) in shared {
        schemas.entry(name).or_insert(schema);
    }
}

/// The body of this case.
fn body(case: &ErrorCase) -> Value {
    let mut body = json!({ "success": false, "error": case.code, "message": case.message });
    if let Some(details) = &case.details {
        body["details"] = details.clone();
    }
    body["request_id"] = EXAMPLE_REQUEST_ID.into();
    body
}

/// The content of an error response: one example per code.
pub(super) fn content(cases: &[&ErrorCase]) -> Value {
    let examples: Map<String, Value> =
        cases.iter().map(|case| (case.code.to_owned(), json!({ "value": body(case) }))).collect();
    json!({
        "application/json": {
            "schema": { "$ref": format!("#/components/schemas/{NAME}") },
            "examples": examples,
        },
    })
}
