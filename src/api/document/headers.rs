//! The response headers the service itself sets, and header names as the standards spell them.

use serde_json::{Map, Value, json};

use super::{drop_where, reorder};

/// On every response: the name by which the logs know the request.
pub(super) const REQUEST_ID: &str = "X-Request-Id";
/// On 401: how to authenticate.
const AUTHENTICATE: &str = "WWW-Authenticate";
/// On 429 and 503: when to come back.
const RETRY_AFTER: &str = "Retry-After";

/// The request id of every example.
pub(super) const EXAMPLE_REQUEST_ID: &str = "018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a";

/// Adds the shared headers to `components/headers`.
pub(super) fn define(headers: &mut Map<String, Value>) {
    headers.insert(
        REQUEST_ID.to_owned(),
        json!({
            "description": "Names this request in the logs; quote it when reporting a problem.",
            "required": true,
            "schema": { "type": "string", "example": EXAMPLE_REQUEST_ID },
        }),
    );
    headers.insert(
        AUTHENTICATE.to_owned(),
        json!({
            "description": "The authentication scheme to use.",
            "required": true,
            "schema": { "type": "string", "example": "Bearer" },
        }),
    );
    headers.insert(
        RETRY_AFTER.to_owned(),
        json!({
            "description": "Seconds to wait before the next attempt.",
            "required": true,
            "schema": { "type": "integer", "format": "int32", "minimum": 0, "example": 5 },
        }),
    );
}

/// Completes a response's headers: the shared ones by reference, the operation's own under their usual spelling.
pub(super) fn complete(response: &mut Map<String, Value>, status: u16) {
    let shared: &[&str] = match status {
        401 => &[REQUEST_ID, AUTHENTICATE],
        429 | 503 => &[REQUEST_ID, RETRY_AFTER],
        _ => &[REQUEST_ID],
    };
    let mut headers = Map::new();
    for name in shared {
        headers.insert((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    }
    if let Some(Value::Object(own)) = response.shift_remove("headers") {
        for (name, mut header) in own {
            if let Some(header) = header.as_object_mut() {
                drop_where(header, "deprecated", false);
                reorder(header, &["description", "required", "deprecated", "schema"]);
            }
            headers.entry(spelling(&name)).or_insert(header);
        }
    }
    response.insert("headers".to_owned(), Value::Object(headers));
}

/// poem-openapi shouts header names; this is how people write them.
pub(super) fn spelling(name: &str) -> String {
    if name.chars().any(|letter| letter.is_ascii_lowercase()) {
        return name.to_owned();
    }
    let words = name.split('-').map(|word| match word {
        "WWW" => word.to_owned(),
        "ETAG" => "ETag".to_owned(),
        "RATELIMIT" => "RateLimit".to_owned(),
        _ => {
            let mut spelled = word.to_ascii_lowercase();
            spelled.get_mut(..1).map(str::make_ascii_uppercase);
            spelled
        }
    });
    words.collect::<Vec<_>>().join("-")
}
