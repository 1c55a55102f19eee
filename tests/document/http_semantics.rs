//! What clients may rely on in every operation of a kind: where a new resource is, whether it has
//! changed, and that a request can be sent again.

use serde_json::Value;

use crate::document::reading::{DocumentOperation, items, members, operations};

/// Log out. The request that would be sent again has no session any more, or another one: the answer
/// of before would not be true of it.
const NOT_AGAIN: [&str; 2] = ["auth_logout", "auth_logout_all"];

/// Names of properties that hold a secret.
const SECRETS: [&str; 5] = ["access_token", "refresh_token", "secret", "key", "token"];

/// Every 201 says where the new resource is.
pub fn created_has_location(document: &Value) -> Vec<String> {
    let created = operations(document).into_iter().filter(|operation| {
        operation
            .responses(&['2'])
            .any(|(status, response)| status == "201" && !has_header(response, "Location"))
    });
    created.map(|operation| format!("{}: a 201 without Location", operation.id)).collect()
}

/// Every GET of one resource has an entity tag and can answer 304; so every change of it can have a
/// condition.
pub fn resource_has_tag(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for operation in operations(document) {
        let id = operation.id;
        let has_tag = has_header(&operation.value["responses"]["200"], "ETag");
        if operation.method == "get" {
            let is_conditional =
                has_parameter(&operation, "If-None-Match") && operation.value["responses"]["304"].is_object();
            if is_resource(&operation) && !(has_tag && is_conditional) {
                problems.push(format!("{id}: a resource without ETag, If-None-Match and 304"));
            }
        }
        if ["patch", "delete"].contains(&operation.method) && is_conditional_change(document, &operation) {
            let may_fail = operation.value["responses"]["412"].is_object();
            if !(has_parameter(&operation, "If-Match") && may_fail) {
                problems.push(format!("{id}: a change without If-Match and 412"));
            }
        }
    }
    problems
}

/// Every POST of a known caller takes a key, unless its answer holds a secret, which must not be
/// stored.
pub fn post_has_key(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for operation in operations(document).into_iter().filter(|operation| operation.method == "post") {
        let id = operation.id;
        let has_caller = items(&operation.value["security"]).next().is_some();
        let may_have = has_caller && !holds_secret(document, &operation) && !NOT_AGAIN.contains(&id);
        let has = has_parameter(&operation, "Idempotency-Key");
        if may_have != has {
            let wrong = if has { "an Idempotency-Key that it must not have" } else { "no Idempotency-Key" };
            problems.push(format!("{id}: {wrong}"));
        }
        if has && operation.value["responses"]["409"].is_null() {
            problems.push(format!("{id}: an Idempotency-Key without 409"));
        }
    }
    problems
}

/// Every list can be read from either end.
pub fn list_has_sort(document: &Value) -> Vec<String> {
    let lists = operations(document).into_iter().filter(|operation| has_parameter(operation, "page_token"));
    let without = lists.filter(|operation| !has_parameter(operation, "sort"));
    without.map(|operation| format!("{}: a list without sort", operation.id)).collect()
}

/// A GET whose answer has an `id`.
fn is_resource(operation: &DocumentOperation) -> bool {
    let name = schema_name(&operation.value["responses"]["200"]);
    operation.method == "get" && name.is_some_and(|name| !name.ends_with("Page") && !NO_STATE.contains(&name))
}

/// Schemas of answers that are computed for each request, and have no state that a client changes.
const NO_STATE: [&str; 4] = ["Health", "Jwks", "Readiness", "ServiceCard"];

/// A change of a resource that a GET of its path, or of the path above, shows.
fn is_conditional_change(document: &Value, change: &DocumentOperation) -> bool {
    let above = change.path.rsplit_once('/').map_or("", |(above, _)| above);
    let paths = [change.path, if above.ends_with('}') { above } else { change.path }];
    operations(document).iter().any(|operation| paths.contains(&operation.path) && is_resource(operation))
}

fn has_header(response: &Value, name: &str) -> bool {
    response["headers"].get(name).is_some()
}

fn has_parameter(operation: &DocumentOperation, name: &str) -> bool {
    items(&operation.value["parameters"]).any(|parameter| parameter["name"] == name)
}

fn schema_name(response: &Value) -> Option<&str> {
    response["content"]["application/json"]["schema"]["$ref"].as_str()?.rsplit('/').next()
}

fn holds_secret(document: &Value, operation: &DocumentOperation) -> bool {
    operation.responses(&['2']).filter_map(|(_, response)| schema_name(response)).any(|name| {
        let schema = &document["components"]["schemas"][name];
        members(&schema["properties"]).any(|(property, _)| SECRETS.contains(&property))
    })
}
