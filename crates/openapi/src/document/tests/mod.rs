//! Every rule of the document, and every error once.

mod errors;
mod links;
mod rules;
mod sample;
mod samples;
mod traits;

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::{Config, DocumentError, Documents, ErrorCode, ImpliedErrors};

/// The codes the tests use, in the order of a catalogue.
fn catalogue() -> Vec<ErrorCode> {
    let case = |code, status, message| ErrorCode::new(code, StatusCode::from_u16(status).unwrap(), message);
    vec![
        case("malformed_request", 400, "The body is not valid JSON."),
        case("unauthorized", 401, "Log in first."),
        case("invalid_token", 401, "The token is not valid."),
        case("forbidden", 403, "You may not do this."),
        case("not_found", 404, "There is nothing here."),
        case("request_timeout", 408, "The body took too long."),
        case("email_taken", 409, "This email address is taken."),
        case("last_superuser", 409, "One superuser must remain."),
        case("payload_too_large", 413, "The body is too large."),
        case("unsupported_media_type", 415, "Send JSON."),
        case("validation_error", 422, "Some fields are not valid."),
        case("rate_limited", 429, "Too many requests."),
        case("internal_error", 500, "Something went wrong."),
        case("not_implemented", 501, "Send chunks."),
        case("service_unavailable", 503, "Try again shortly."),
    ]
}

const IMPLIED: ImpliedErrors = ImpliedErrors {
    always: &["malformed_request"],
    with_body: &["request_timeout", "payload_too_large", "unsupported_media_type", "not_implemented"],
    with_idempotency_key: &[],
    with_condition: &[],
    with_input: &["validation_error"],
    with_security: &["unauthorized", "invalid_token"],
    with_role: &["forbidden"],
    with_rate_limit: &["rate_limited"],
    server: &["internal_error", "service_unavailable"],
    infallible: &["health_live"],
};

/// The documents with this catalogue, their paths as declared.
fn from_spec(spec: &str, catalogue: &[ErrorCode]) -> Result<Documents, DocumentError> {
    Documents::from_spec(spec, &Config { catalogue, implied: IMPLIED, path_of: &str::to_owned })
}

/// The smallest operation that passes every rule; without a rate limit, so that it has the fewest
/// responses.
fn operation(id: &str) -> Value {
    json!({
        "tags": ["Things", "limit:unlimited"],
        "summary": "Read",
        "description": "Reads a thing.",
        "operationId": id,
        "responses": { "204": { "description": "" } },
    })
}

/// A document with one operation, `GET /things`, and these schemas.
fn document(operation: &Value, schemas: &Value) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Things", "version": "1.0.0" },
        "servers": [],
        "tags": [],
        "paths": { "/things": { "get": operation } },
        "components": { "schemas": schemas },
    })
}

fn publish(document: &Value) -> Documents {
    from_spec(&document.to_string(), &catalogue()).unwrap()
}

fn newest(documents: &Documents) -> Value {
    serde_json::from_str(&documents.json).unwrap()
}

fn older(documents: &Documents) -> Value {
    serde_json::from_str(&documents.json_3_0).unwrap()
}

/// One schema in both dialects: 3.1 and 3.0.3.
fn schema(schema: &Value) -> (Value, Value) {
    let schemas = json!({ "Thing": schema, "Other": { "type": "object" } });
    let documents = publish(&document(&operation("thing_get"), &schemas));
    let pick = |document: Value| document["components"]["schemas"]["Thing"].clone();
    (pick(newest(&documents)), pick(older(&documents)))
}

/// The keys of an object, in order.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
