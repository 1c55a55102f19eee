//! The check of answers against the document can fail.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::contract::contract;

const HEADERS: [(&str, &str); 6] = [
    ("content-type", "application/json"),
    ("x-request-id", "id"),
    ("ratelimit-limit", "60"),
    ("ratelimit-remaining", "59"),
    ("ratelimit-reset", "60"),
    ("etag", "\"tag\""),
];

fn answer(status: u16, headers: &[(&'static str, &'static str)], text: impl std::fmt::Display) -> Answer {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    Answer { status: status.try_into().unwrap(), headers: headers.collect(), text: text.to_string() }
}

fn user() -> Value {
    contract().document["components"]["schemas"]["User"]["examples"][0].clone()
}

fn error(code: &str) -> Value {
    json!({"success": false, "error": code, "message": "No.", "request_id": "id"})
}

#[track_caller]
fn refused(method: &str, path: &str, answer: &Answer, reason: &str) {
    let problem = contract().check(method, path, answer).expect_err("a departure from the document");
    assert!(problem.contains(reason), "{problem}");
}

#[test]
fn a_documented_response_passes() {
    contract().check("GET", "/api/v1/users/7", &answer(200, &HEADERS, user())).unwrap();
    contract().check("HEAD", "/api/v1/users/7", &answer(200, &HEADERS, "")).unwrap();
    contract().check("DELETE", "/api/v1/users/7", &answer(204, &HEADERS[1..], "")).unwrap();
    contract().check("GET", "/nowhere", &answer(404, &HEADERS, error("not_found"))).unwrap();
    contract().check("PUT", "/api/v1/users/7", &answer(405, &HEADERS, error("method_not_allowed"))).unwrap();
}

#[test]
fn an_undocumented_status_code_type_or_header_is_refused() {
    refused("GET", "/api/v1/users/7", &answer(418, &HEADERS, ""), "status 418");
    // The own user cannot be missing, so `/users/me` documents no 404 although `/users/{id}` does.
    refused("GET", "/api/v1/users/me", &answer(404, &HEADERS, error("not_found")), "status 404");
    refused("GET", "/api/v1/users/7", &answer(404, &HEADERS, error("forbidden")), "code forbidden");
    let plain = [&[("content-type", "text/plain")], &HEADERS[1..]].concat();
    refused("GET", "/api/v1/users/7", &answer(200, &plain, user()), "text/plain");
    refused("GET", "/api/v1/users/7", &answer(200, &HEADERS[..1], user()), "X-Request-Id");
    refused("GET", "/api/v1/users/7", &answer(401, &HEADERS, error("invalid_token")), "WWW-Authenticate");
    let endless = [&HEADERS[..2], &[("ratelimit-limit", "many")], &HEADERS[3..]].concat();
    refused("GET", "/api/v1/users/7", &answer(200, &endless, user()), "RateLimit-Limit is \"many\"");
}

#[test]
fn a_body_that_breaks_its_schema_is_refused() {
    let get = |user: Value| answer(200, &HEADERS, user);
    for (field, value) in [("id", json!("1")), ("full_name", json!(1)), ("created_at", json!("yesterday"))] {
        let mut broken = user();
        broken[field] = value;
        refused("GET", "/api/v1/users/7", &get(broken), field);
    }
    let mut short = user();
    short.as_object_mut().unwrap().shift_remove("email");
    refused("GET", "/api/v1/users/7", &get(short), "email");
    refused("GET", "/api/v1/users/7", &answer(200, &HEADERS, "{"), "EOF");
    refused("DELETE", "/api/v1/users/7", &answer(204, &HEADERS[1..], "{}"), "none is documented");
    refused("HEAD", "/api/v1/users/7", &answer(200, &HEADERS, user()), "HEAD has a body");
}

#[test]
fn an_undocumented_field_is_refused_at_any_depth() {
    let mut leaky = user();
    leaky["password_hash"] = json!("$2b$");
    refused("GET", "/api/v1/users/7", &answer(200, &HEADERS, &leaky), "/password_hash");
    let page = json!({"items": [user(), leaky], "next_page": null});
    refused("GET", "/api/v1/users", &answer(200, &HEADERS, page), "/items/*/password_hash");
    let mut chatty = error("not_found");
    chatty["trace"] = json!("at line 7");
    refused("GET", "/nowhere", &answer(404, &HEADERS, &chatty), "/trace");
}

#[test]
fn on_undocumented_paths_only_the_error_body_passes() {
    refused("get", "/api/v1/users/7", &answer(200, &HEADERS, user()), "knows nothing");
    refused("GET", "/nowhere", &answer(200, &HEADERS, user()), "knows nothing");
    refused("PUT", "/api/v1/users/7", &answer(404, &HEADERS, error("not_found")), "knows nothing");
    refused("GET", "/nowhere", &answer(404, &HEADERS, json!({"error": "not_found"})), "required");
    refused("GET", "/nowhere", &answer(404, &[("content-type", "text/plain")], "no"), "text/plain");
    refused("GET", "/docs/missing", &answer(500, &HEADERS, error("internal_error")), "knows nothing");
}
