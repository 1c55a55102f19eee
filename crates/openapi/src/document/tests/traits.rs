//! What handlers declare beyond what poem-openapi knows, as the document says it.

use poem_openapi::Tags;
use serde_json::{Value, json};

use super::{catalogue, document, from_spec, keys, newest, operation, publish};
use crate::policy::Sunset;

/// The operation with these tags beside its own and these security schemes, as it is published.
fn published(tags: &[&str], schemes: &[&str]) -> Value {
    let mut operation = operation("thing_get");
    operation["tags"] = json!(["Things"]);
    operation["tags"].as_array_mut().unwrap().extend(tags.iter().map(|tag| json!(tag)));
    operation["security"] = schemes.iter().map(|scheme| json!({ *scheme: [] })).collect();
    newest(&publish(&document(&operation, &json!({}))))
}

#[test]
fn an_operation_is_limited_unless_it_says_otherwise() {
    let responses = |tags: &[&str]| published(tags, &[])["paths"]["/things"]["get"]["responses"].clone();
    let limited = responses(&[]);
    assert_eq!(keys(&limited), ["204", "400", "429", "500", "503"]);
    let always = ["X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];
    assert_eq!(keys(&limited["204"]["headers"]), always);
    assert_eq!(keys(&limited["429"]["headers"])[..2], ["X-Request-Id", "Retry-After"]);
    assert_eq!(responses(&["limit:credentials"]), limited);
    assert_eq!(keys(&responses(&["limit:unlimited"])), ["204", "400", "500", "503"]);
}

#[test]
fn a_retirement_is_in_the_operation_and_in_every_response() {
    let planned: Sunset<2026_12_01, 2027_06_30> = Sunset::PLANNED;
    let document = published(&[planned.name()], &[]);
    let operation = &document["paths"]["/things"]["get"];
    assert_eq!(operation["tags"], json!(["Things"]));
    assert_eq!((&operation["deprecated"], &operation["x-sunset"]), (&json!(true), &json!("2027-06-30")));
    for (status, response) in operation["responses"].as_object().unwrap() {
        assert!(keys(&response["headers"]).ends_with(&["Deprecation", "Sunset"]), "{status}");
    }
}

#[test]
fn roles_are_no_security_schemes_and_imply_forbidden() {
    let document = published(&[], &["BearerAuth", "role:support", "role:superuser"]);
    let operation = &document["paths"]["/things"]["get"];
    assert_eq!(operation["security"], json!([{ "BearerAuth": [] }]));
    assert_eq!(operation["x-allowed-roles"], json!(["support", "superuser"]));
    assert_eq!(operation["description"], "Reads a thing.\n\nRequires the role `support` or `superuser`.");
    assert!(operation["responses"]["403"]["content"].to_string().contains("forbidden"));
}

#[test]
fn a_scope_is_no_security_scheme() {
    let document = published(&[], &["BearerAuth", "scope:things:read"]);
    let operation = &document["paths"]["/things"]["get"];
    assert_eq!(operation["security"], json!([{ "BearerAuth": [] }]));
    assert_eq!(operation["x-required-scope"], "things:read");
    assert_eq!(operation["description"], "Reads a thing.\n\nAn API key needs the scope `things:read`.");
    assert!(operation.get("x-allowed-roles").is_none());
}

#[test]
fn a_header_that_no_response_has_is_not_defined() {
    let headers = |tags: &[&str]| published(tags, &[])["components"]["headers"].clone();
    assert_eq!(keys(&headers(&["limit:unlimited"])), ["Retry-After", "X-Request-Id"]);
    assert!(keys(&headers(&[])).contains(&"RateLimit-Reset"));
}

#[test]
fn a_policy_that_cannot_be_parsed_is_refused() {
    let mut operation = operation("thing_get");
    operation["tags"] = json!(["Things", "sunset:20260230:20270630"]);
    let text = document(&operation, &json!({})).to_string();
    let error = from_spec(&text, &catalogue()).unwrap_err();
    assert!(error.to_string().contains("is not a policy"), "{error}");
}
