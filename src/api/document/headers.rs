//! The response headers the service itself sets, and header names as the standards spell them.

use serde_json::{Map, Value, json};

use super::declared::Declared;
use super::{drop_where, reorder};

/// The request id of every example.
pub(super) const EXAMPLE_REQUEST_ID: &str = "018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a";

/// A header that several operations answer with.
struct Shared {
    name: &'static str,
    description: &'static str,
    /// False where an installation can switch it off.
    required: bool,
    example: Example,
}

#[derive(Clone, Copy)]
enum Example {
    Text(&'static str),
    Count(i32),
}

const fn header(name: &'static str, description: &'static str, required: bool, example: Example) -> Shared {
    Shared { name, description, required, example }
}

/// On every response: the name by which the logs know the request.
const REQUEST_ID: Shared = header(
    "X-Request-Id",
    "Names this request in the logs; quote it when reporting a problem.",
    true,
    Example::Text(EXAMPLE_REQUEST_ID),
);

/// On 401: how to authenticate.
const AUTHENTICATE: Shared = header(
    "WWW-Authenticate",
    "The authentication scheme to use; with `error=\"invalid_token\"` when the token that was sent is not taken (RFC 6750).",
    true,
    Example::Text("Bearer"),
);

/// On 429 and 503: when to come back.
const RETRY_AFTER: Shared =
    header("Retry-After", "Seconds to wait before the next attempt.", true, Example::Count(5));

/// On 415: what is taken instead.
const ACCEPT: Shared = header(
    "Accept",
    "The media types that the body may have (RFC 9110, 15.5.16).",
    true,
    Example::Text("application/json"),
);

/// On 415 of a PATCH: the same.
const ACCEPT_PATCH: Shared = header(
    "Accept-Patch",
    "The media types that a PATCH may have: both mean the same (RFC 5789, RFC 7396).",
    true,
    Example::Text("application/json, application/merge-patch+json"),
);

/// On every response of an operation with a rate limit.
const RATE_LIMIT: [Shared; 3] = [
    header("RateLimit-Limit", "Requests that fit into any 60 seconds.", false, Example::Count(60)),
    header("RateLimit-Remaining", "Requests that would be let through now.", false, Example::Count(42)),
    header(
        "RateLimit-Reset",
        "Seconds until the oldest request no longer counts.",
        false,
        Example::Count(17),
    ),
];

/// On every response of an operation that will end.
const RETIREMENT: [Shared; 2] = [
    header(
        "Deprecation",
        "Since when the operation is deprecated (RFC 9745).",
        true,
        Example::Text("@1796083200"),
    ),
    header(
        "Sunset",
        "From when on the operation may be gone (RFC 8594).",
        true,
        Example::Text("Wed, 30 Jun 2027 00:00:00 GMT"),
    ),
];

impl Shared {
    fn reference(&self) -> String {
        format!("#/components/headers/{}", self.name)
    }

    fn define(&self) -> Value {
        let schema = match self.example {
            Example::Text(text) => json!({ "type": "string", "example": text }),
            Example::Count(count) => {
                json!({ "type": "integer", "format": "int32", "minimum": 0, "example": count })
            }
        };
        let mut header = Map::new();
        header.insert("description".to_owned(), self.description.into());
        if self.required {
            header.insert("required".to_owned(), true.into());
        }
        header.insert("schema".to_owned(), schema);
        Value::Object(header)
    }
}

/// Adds the shared headers that `paths` refers to to `components/headers`.
pub(super) fn define(headers: &mut Map<String, Value>, paths: &str) {
    let known = [REQUEST_ID, AUTHENTICATE, RETRY_AFTER, ACCEPT, ACCEPT_PATCH]
        .into_iter()
        .chain(RATE_LIMIT)
        .chain(RETIREMENT);
    for header in known.filter(|header| paths.contains(&format!("\"{}\"", header.reference()))) {
        headers.insert(header.name.to_owned(), header.define());
    }
    headers.sort_keys();
}

/// Completes a response's headers: the shared ones by reference, the operation's own under their usual spelling.
pub(super) fn complete(response: &mut Map<String, Value>, status: u16, declared: &Declared) {
    let mut shared = vec![REQUEST_ID];
    shared.extend((status == 401).then_some(AUTHENTICATE));
    shared.extend(matches!(status, 429 | 503).then_some(RETRY_AFTER));
    shared.extend((status == 415).then_some(ACCEPT));
    shared.extend(RATE_LIMIT.into_iter().filter(|_| declared.limited));
    shared.extend(RETIREMENT.into_iter().filter(|_| declared.retired));
    let mut headers = Map::new();
    for header in shared {
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

/// Adds what a PATCH answers with beyond other operations (RFC 5789, 2.2).
pub(super) fn complete_patch(operation: &mut Map<String, Value>) {
    let headers = operation.get_mut("responses").and_then(|responses| responses.pointer_mut("/415/headers"));
    if let Some(headers) = headers.and_then(Value::as_object_mut) {
        headers.insert(ACCEPT_PATCH.name.to_owned(), json!({ "$ref": ACCEPT_PATCH.reference() }));
    }
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
