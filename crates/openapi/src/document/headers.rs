//! The response headers that the service itself sets, and header names as the standards spell them.

use serde_json::{Map, Value, json};

use super::traits::OperationTraits;
use super::{drop_where, reorder};

/// The shared headers of a response, in order, each with the name of its description in
/// `components.json`; those that an installation can switch off are not required there.
fn shared_names(
    status: u16,
    method: &str,
    operation: &OperationTraits,
) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
    let is_rate_limited = operation.is_rate_limited();
    let is_retired = operation.policy.retirement.is_some();
    let may_lack_scope = status == 403 && operation.is_secured;
    let names = [
        ("X-Request-Id", true),
        ("WWW-Authenticate", status == 401),
        ("Retry-After", matches!(status, 429 | 503)),
        ("Accept", status == 415),
        ("RateLimit-Limit", is_rate_limited),
        ("RateLimit-Remaining", is_rate_limited),
        ("RateLimit-Reset", is_rate_limited),
        ("Deprecation", is_retired),
        ("Sunset", is_retired),
        ("Accept-Patch", status == 415 && method == "patch"),
    ];
    let names = names.into_iter().filter(|(_, applies)| *applies).map(|(name, _)| (name, name));
    names.chain(may_lack_scope.then_some(("WWW-Authenticate", "Scope-Challenge")))
}

fn reference(name: &str) -> String {
    format!("#/components/headers/{name}")
}

/// Adds the shared headers that `paths` refers to to `components/headers`.
pub(super) fn define(headers: &mut Map<String, Value>, mut shared: Value, paths: &str) {
    for (name, header) in shared.as_object_mut().into_iter().flatten() {
        if paths.contains(&format!("\"{}\"", reference(name))) {
            headers.insert(name.clone(), header.take());
        }
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
    for (name, description) in shared_names(status, method, operation) {
        headers.insert(name.to_owned(), json!({ "$ref": reference(description) }));
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
