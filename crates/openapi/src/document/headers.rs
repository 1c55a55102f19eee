//! The response headers that the service itself sets, and header names as the standards spell them.

use serde_json::{Map, Value, json};

use super::traits::OperationTraits;
use super::{drop_where, reorder};

/// The request id of every example.
pub(super) const EXAMPLE_REQUEST_ID: &str = "018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a";

/// A response header of several operations.
struct SharedHeader {
    name: &'static str,
    description: &'static str,
    /// False where an installation can switch it off.
    is_required: bool,
    /// A number where it can be parsed as one.
    example: &'static str,
    /// Whether a response has it, by its status, the method and what the operation declares.
    applies: fn(u16, &str, &OperationTraits) -> bool,
}

/// In the order in which a response has them.
const SHARED: [SharedHeader; 10] = [
    SharedHeader {
        name: "X-Request-Id",
        description: "Identifies this request in the logs. Quote it when you report a problem.",
        is_required: true,
        example: EXAMPLE_REQUEST_ID,
        applies: |_, _, _| true,
    },
    SharedHeader {
        name: "WWW-Authenticate",
        description: "The authentication scheme to use, with `error=\"invalid_token\"` if the request had a token that is not valid (RFC 6750).",
        is_required: true,
        example: "Bearer",
        applies: |status, _, _| status == 401,
    },
    SharedHeader {
        name: "Retry-After",
        description: "Seconds to wait before the next attempt.",
        is_required: true,
        example: "5",
        applies: |status, _, _| matches!(status, 429 | 503),
    },
    SharedHeader {
        name: "Accept",
        description: "The media types that the body may have (RFC 9110, 15.5.16).",
        is_required: true,
        example: "application/json",
        applies: |status, _, _| status == 415,
    },
    SharedHeader {
        name: "RateLimit-Limit",
        description: "The maximum number of requests in any 60 seconds.",
        is_required: false,
        example: "60",
        applies: |_, _, operation| operation.is_rate_limited,
    },
    SharedHeader {
        name: "RateLimit-Remaining",
        description: "The number of requests that would be allowed now.",
        is_required: false,
        example: "42",
        applies: |_, _, operation| operation.is_rate_limited,
    },
    SharedHeader {
        name: "RateLimit-Reset",
        description: "Seconds until the oldest request no longer counts.",
        is_required: false,
        example: "17",
        applies: |_, _, operation| operation.is_rate_limited,
    },
    SharedHeader {
        name: "Deprecation",
        description: "When the operation was or will be deprecated (RFC 9745).",
        is_required: true,
        example: "@1796083200",
        applies: |_, _, operation| operation.is_retired,
    },
    SharedHeader {
        name: "Sunset",
        description: "When the operation may be removed (RFC 8594).",
        is_required: true,
        example: "Wed, 30 Jun 2027 00:00:00 GMT",
        applies: |_, _, operation| operation.is_retired,
    },
    SharedHeader {
        name: "Accept-Patch",
        description: "The media types that a PATCH body may have. Both mean the same (RFC 5789, RFC 7396).",
        is_required: true,
        example: "application/json, application/merge-patch+json",
        applies: |status, method, _| status == 415 && method == "patch",
    },
];

impl SharedHeader {
    fn reference(&self) -> String {
        format!("#/components/headers/{}", self.name)
    }

    fn define(&self) -> Value {
        let schema = match self.example.parse::<i32>() {
            Ok(count) => json!({ "type": "integer", "format": "int32", "minimum": 0, "example": count }),
            Err(_) => json!({ "type": "string", "example": self.example }),
        };
        if self.is_required {
            json!({ "description": self.description, "required": true, "schema": schema })
        } else {
            json!({ "description": self.description, "schema": schema })
        }
    }
}

/// Adds the shared headers that `paths` refers to to `components/headers`.
pub(super) fn define(headers: &mut Map<String, Value>, paths: &str) {
    for header in SHARED.iter().filter(|header| paths.contains(&format!("\"{}\"", header.reference()))) {
        headers.insert(header.name.to_owned(), header.define());
    }
    headers.sort_keys();
}

/// Completes a response's headers: the shared ones by reference, the operation's own as usually
/// spelled.
pub(super) fn complete(
    response: &mut Map<String, Value>,
    status: u16,
    method: &str,
    operation: &OperationTraits,
) {
    let mut headers = Map::new();
    for header in SHARED.iter().filter(|header| (header.applies)(status, method, operation)) {
        headers.insert(header.name.to_owned(), json!({ "$ref": header.reference() }));
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

/// poem-openapi emits header names in capitals; this is the spelling of the standards.
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
