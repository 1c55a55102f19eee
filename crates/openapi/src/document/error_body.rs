//! The uniform error body, as schemas and as examples.

use serde_json::{Map, Value, json};

use super::{ErrorCase, headers::EXAMPLE_REQUEST_ID};

/// `Error` itself collides with a built-in name in Python and TypeScript.
const NAME: &str = "ErrorBody";

/// Adds the schemas of the error body, unless the API's own types already did.
pub(super) fn define(schemas: &mut Map<String, Value>, catalogue: &[ErrorCase]) {
    if schemas.contains_key(NAME) {
        return;
    }
    let lines = catalogue.iter().map(|case| format!("- `{}` ({}): {}", case.code, case.status, case.message));
    let codes = format!("Why the request failed:\n\n{}", lines.collect::<Vec<_>>().join("\n"));
    let values = catalogue.iter().map(|case| case.code).collect::<Vec<_>>();
    let defined = json!({
        NAME: {
            "type": "object",
            "description": "The body of every error response.",
            "required": ["success", "error", "message", "request_id"],
            "properties": {
                "success": { "type": "boolean", "description": "Always `false`." },
                "error": { "$ref": "#/components/schemas/ErrorCode" },
                "message": {
                    "type": "string",
                    "description": "A message for people. It may change; programs read `error`.",
                },
                "details": { "$ref": "#/components/schemas/ErrorDetails" },
                "request_id": {
                    "type": "string",
                    "description": "Identifies this request in the logs. The `X-Request-Id` header repeats it.",
                },
            },
            "example": catalogue.first().map(body),
        },
        // Clients treat an unknown code by its status, so that a new one breaks no client.
        "ErrorCode": { "type": "string", "description": codes, "enum": values, "x-extensible-enum": true },
        "ErrorDetails": {
            "type": "object",
            "description": "Additional information about the error, if any.",
            "properties": {
                "fields": {
                    "type": "array",
                    "description": "With `validation_error`: every value that breaks a rule.",
                    "items": { "$ref": "#/components/schemas/FieldProblem" },
                },
            },
            "additionalProperties": true,
        },
        "FieldProblem": {
            "type": "object",
            "description": "One value that breaks a rule.",
            "required": ["field", "rule", "message"],
            "properties": {
                "field": {
                    "type": "string",
                    "description": "The path of the field in the body, or the name of the parameter.",
                },
                "rule": { "type": "string", "description": "The rule, for programs, such as `required` or `format`." },
                "message": {
                    "type": "string",
                    "description": "What is wrong, for people, as a phrase that follows the field's name.",
                },
            },
        },
    });
    let Value::Object(defined) = defined else { return };
    for (name, schema) in defined {
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
