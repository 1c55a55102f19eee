//! The response headers that the service itself sets, and header names as the standards spell them.

use serde_json::{Map, Value, json};

use super::traits::OperationTraits;
use super::{drop_where, reorder};

/// Headers of conditional requests. They are no input that can be wrong: what cannot be read matches
/// nothing.
pub(super) const CONDITIONS: [&str; 2] = ["If-Match", "If-None-Match"];

/// The header that names a request.
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The headers that a response declares by name alone.
const DECLARED: [&str; 2] = ["Location", "ETag"];

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
        ("Idempotency-Replayed", operation.has_idempotency_key && (200..300).contains(&status)),
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
            let name = spelling(&name);
            if DECLARED.contains(&name.as_str()) {
                header = json!({ "$ref": reference(&name) });
            }
            headers.entry(name).or_insert(header);
        }
    }
    response.insert("headers".to_owned(), Value::Object(headers));
}

/// poem-openapi emits names of response headers in capitals, and those of parameters as their
/// argument is named; this is the spelling of the standards.
pub(super) fn spelling(name: &str) -> String {
    if !name.contains('_') && name.chars().any(|letter| letter.is_ascii_lowercase()) {
        return name.to_owned();
    }
    let words = name.split(['-', '_']).map(|word| match word {
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

/// Spells the header parameters of an operation, and adds the condition of a GET that answers with
/// an entity tag: the routes answer 304 for every such operation.
pub(super) fn complete_parameters(method: &str, operation: &mut Map<String, Value>) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if parameter["in"] == "header"
            && let Some(name) = parameter["name"].as_str().map(spelling)
        {
            parameter["name"] = name.into();
        }
    }
    let has_tag = operation.get("responses").is_some_and(|responses| {
        let headers = &responses["200"]["headers"];
        headers.as_object().is_some_and(|headers| headers.keys().any(|name| spelling(name) == "ETag"))
    });
    if method != "get" || !has_tag {
        return;
    }
    let condition = json!({
        "name": "If-None-Match",
        "in": "header",
        "description": "Answer 304 without a body if the resource still has this `ETag`.",
        "schema": { "type": "string" },
    });
    if let Some(parameters) = operation.entry("parameters").or_insert_with(|| json!([])).as_array_mut() {
        parameters.push(condition);
    }
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        responses.insert("304".to_owned(), json!({ "headers": { "ETAG": {} } }));
    }
}
