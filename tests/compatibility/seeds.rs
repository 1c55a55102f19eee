//! Changes made to the real document, each with what the comparison must say of it.

use serde_json::{Value, json};
use xtask::diff::compare;

use super::present;

const BREAKING: bool = true;
const COMPATIBLE: bool = false;

/// A change of the document, its class, and the text that must describe it; none if it is not
/// reported.
type Seed = (&'static str, fn(&mut Value), Option<(bool, &'static str)>);

fn operation<'a>(document: &'a mut Value, path: &str, method: &str) -> &'a mut Value {
    &mut document["paths"][format!("/api/v1{path}")][method]
}

fn schema<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    &mut document["components"]["schemas"][name]
}

fn remove(value: &mut Value, key: &str) -> Value {
    value.as_object_mut().unwrap().shift_remove(key).unwrap_or_else(|| panic!("{key} is there"))
}

fn push(value: &mut Value, item: Value) {
    value.as_array_mut().unwrap().push(item);
}

fn drop_item(value: &mut Value, item: &str) {
    let items = value.as_array_mut().unwrap();
    let before = items.len();
    items.retain(|found| found != item);
    assert!(items.len() < before, "{item} is there");
}

fn parameter(name: &str, required: bool) -> Value {
    json!({ "name": name, "in": "query", "required": required, "schema": { "type": "string" } })
}

#[rustfmt::skip]
const SEEDS: &[Seed] = &[
    ("a path is gone", |d| drop(remove(&mut d["paths"], "/api/v1/auth/me")),
        Some((BREAKING, "auth_me: `GET /api/v1/auth/me` is gone"))),
    ("a method is gone", |d| drop(remove(&mut d["paths"]["/api/v1/users/{id}"], "delete")),
        Some((BREAKING, "users_delete: `DELETE /api/v1/users/{id}` is gone"))),
    ("an operation is new", |d| { let me = operation(d, "/users/me", "get").clone(); d["paths"]["/api/v1/new"]["get"] = me; },
        Some((COMPATIBLE, "users_me: `GET /api/v1/new` is new"))),
    ("an operation id is renamed", |d| operation(d, "/users/me", "get")["operationId"] = "users_self".into(),
        Some((BREAKING, "users_me: the operation is now called `users_self`"))),
    ("a tag is renamed", |d| operation(d, "/users/me", "get")["tags"] = json!(["self"]),
        Some((BREAKING, "users_me: the tag changed, and with it the class of a client"))),
    ("an operation is deprecated", |d| operation(d, "/users/me", "get")["deprecated"] = true.into(),
        Some((COMPATIBLE, "users_me: the operation is deprecated"))),
    ("an end is announced", |d| operation(d, "/users/me", "get")["x-sunset"] = "2027-06-30".into(),
        Some((COMPATIBLE, "users_me: the operation may be gone from 2027-06-30 on"))),
    ("a token is required", |d| operation(d, "/auth/login", "post")["security"] = json!([{ "BearerAuth": [] }]),
        Some((BREAKING, "auth_login: a caller must now authenticate"))),
    ("no token is required any more", |d| operation(d, "/users/me", "get")["security"] = json!([]),
        Some((COMPATIBLE, "users_me: a caller need not authenticate any more"))),
    ("another scheme is required", |d| operation(d, "/users/me", "get")["security"] = json!([{ "Other": [] }]),
        Some((BREAKING, "users_me: a way to authenticate is gone"))),
    ("a role is required", |d| operation(d, "/users/me", "get")["x-allowed-roles"] = json!(["superuser"]),
        Some((BREAKING, "users_me: a caller must now be `superuser`"))),
    ("a role is not required any more", |d| drop(remove(operation(d, "/users", "get"), "x-allowed-roles")),
        Some((COMPATIBLE, "users_list: a caller needs no role any more"))),
    ("a role is not allowed any more", |d| operation(d, "/users", "get")["x-allowed-roles"] = json!(["superuser"]),
        Some((BREAKING, "users_list: a caller must now be `superuser`"))),
    ("a further role is allowed", |d| push(&mut operation(d, "/jobs", "get")["x-allowed-roles"], json!("support")),
        Some((COMPATIBLE, "jobs_list: a caller may now be `superuser` or `support`"))),
    ("API keys are refused", |d| drop(remove(operation(d, "/users", "get"), "x-required-scope")),
        Some((BREAKING, "users_list: API keys are not accepted any more"))),
    ("API keys are accepted", |d| operation(d, "/auth/me", "get")["x-required-scope"] = "users:read".into(),
        Some((COMPATIBLE, "auth_me: API keys with the scope `users:read` are accepted"))),
    ("API keys need another scope", |d| operation(d, "/users", "get")["x-required-scope"] = "users:write".into(),
        Some((BREAKING, "users_list: an API key now needs the scope `users:write`"))),
    ("a scheme is another one", |d| d["components"]["securitySchemes"]["BearerAuth"]["scheme"] = "basic".into(),
        Some((BREAKING, "components: the security schemes changed"))),
    ("a required parameter is new", |d| push(&mut operation(d, "/users", "get")["parameters"], parameter("team", true)),
        Some((BREAKING, "users_list, query parameter team: a required parameter is new"))),
    ("an optional parameter is new", |d| push(&mut operation(d, "/users", "get")["parameters"], parameter("team", false)),
        Some((COMPATIBLE, "users_list, query parameter team: an optional parameter is new"))),
    ("an optional parameter is new and comes first",
        |d| operation(d, "/users", "get")["parameters"].as_array_mut().unwrap().insert(0, parameter("team", false)),
        Some((BREAKING, "users_list, query parameter team: a new parameter stands before others, which moves a function's arguments"))),
    ("a parameter is gone", |d| drop(operation(d, "/users", "get")["parameters"].as_array_mut().unwrap().remove(2)),
        Some((BREAKING, "users_list, query parameter email: the parameter is gone"))),
    ("parameters change places", |d| operation(d, "/users", "get")["parameters"].as_array_mut().unwrap().swap(0, 1),
        Some((BREAKING, "users_list: the parameters are in another order, and so are a function's arguments"))),
    ("a parameter becomes required", |d| operation(d, "/users", "get")["parameters"][2]["required"] = true.into(),
        Some((BREAKING, "users_list, query parameter email: the parameter is now required"))),
    ("a limit of a parameter is narrowed", |d| operation(d, "/users", "get")["parameters"][0]["schema"]["maximum"] = 50.into(),
        Some((BREAKING, "users_list, query parameter limit: `maximum` changed from 100 to 50"))),
    ("a limit of a parameter is widened", |d| operation(d, "/users", "get")["parameters"][0]["schema"]["maximum"] = 500.into(),
        Some((COMPATIBLE, "users_list, query parameter limit: `maximum` changed from 100 to 500"))),
    ("a default changes", |d| operation(d, "/users", "get")["parameters"][0]["schema"]["default"] = 50.into(),
        Some((BREAKING, "users_list, query parameter limit: the default changed"))),
    ("a parameter is written in another way", |d| operation(d, "/users", "get")["parameters"][2]["style"] = "spaceDelimited".into(),
        Some((BREAKING, "users_list, query parameter email: `style` changed, and no rule says what that means"))),
    ("a body is required where there was none", |d| {
            let body = operation(d, "/auth/login", "post")["requestBody"].clone();
            operation(d, "/auth/logout", "post")["requestBody"] = body;
        },
        Some((BREAKING, "auth_logout, request: a body is now required"))),
    ("a body is gone", |d| drop(remove(operation(d, "/auth/login", "post"), "requestBody")),
        Some((BREAKING, "auth_login, request: the body is gone"))),
    ("a media type of a request is replaced", |d| {
            let content = &mut operation(d, "/auth/login", "post")["requestBody"]["content"];
            content["application/x-www-form-urlencoded"] = remove(content, "application/json");
        },
        Some((BREAKING, "auth_login, request: `application/json` is gone"))),
    ("a media type of a request is added", |d| {
            let content = &mut operation(d, "/auth/login", "post")["requestBody"]["content"];
            content["application/cbor"] = content["application/json"].clone();
        },
        Some((COMPATIBLE, "auth_login, request: `application/cbor` is accepted as well"))),
    ("a media type of an answer is added", |d| {
            let content = &mut operation(d, "/users/me", "get")["responses"]["200"]["content"];
            content["application/cbor"] = content["application/json"].clone();
        },
        Some((BREAKING, "users_me, response 200: the answer may now be `application/cbor`"))),
    ("a status is gone", |d| drop(remove(&mut operation(d, "/users/{id}", "get")["responses"], "404")),
        Some((BREAKING, "users_get, response 404: the status is gone"))),
    ("a success has another status", |d| {
            let responses = &mut operation(d, "/users/me", "get")["responses"];
            responses["202"] = remove(responses, "200");
        },
        Some((BREAKING, "users_me, response 202: a success is answered with another status"))),
    ("an error status is new", |d| {
            let responses = &mut operation(d, "/users/me", "get")["responses"];
            responses["410"] = responses["401"].clone();
        },
        Some((COMPATIBLE, "users_me, response 410: the status is new"))),
    ("a header is gone", |d| drop(remove(&mut operation(d, "/users/me", "get")["responses"]["429"]["headers"], "Retry-After")),
        Some((BREAKING, "users_me, response 429, header Retry-After: the header is gone"))),
    ("a header may be absent", |d| drop(remove(&mut d["components"]["headers"]["Retry-After"], "required")),
        Some((BREAKING, "users_me, response 429, header Retry-After: the header may now be absent"))),
    ("a required field of a request is new", |d| {
            schema(d, "LoginRequest")["properties"]["otp"] = json!({ "type": "string" });
            push(&mut schema(d, "LoginRequest")["required"], "otp".into());
        },
        Some((BREAKING, "LoginRequest, /otp: a required field is new"))),
    ("an optional field of a request is new", |d| schema(d, "LoginRequest")["properties"]["otp"] = json!({ "type": "string" }),
        Some((COMPATIBLE, "LoginRequest, /otp: an optional field is new"))),
    ("a field of a request becomes required", |d| push(&mut schema(d, "RegisterRequest")["required"], "full_name".into()),
        Some((BREAKING, "RegisterRequest, /full_name: the field is now required"))),
    ("a field of a request is gone", |d| drop(remove(&mut schema(d, "UserUpdate")["properties"], "is_verified")),
        Some((BREAKING, "UserUpdate, /is_verified: the field is gone"))),
    ("a field of an answer is gone", |d| drop(remove(&mut schema(d, "User")["properties"], "email")),
        Some((BREAKING, "User, /email: the field is gone"))),
    ("a field of an answer may be absent", |d| drop_item(&mut schema(d, "User")["required"], "email"),
        Some((BREAKING, "User, /email: the field may now be absent"))),
    ("a field of an answer is new", |d| {
            schema(d, "User")["properties"]["locale"] = json!({ "type": "string" });
            push(&mut schema(d, "User")["required"], "locale".into());
        },
        Some((COMPATIBLE, "User, /locale: a required field is new"))),
    ("a field of an answer may be null", |d| schema(d, "User")["properties"]["email"]["type"] = json!(["string", "null"]),
        Some((BREAKING, "User, /email: the type changed from string to null or string"))),
    ("a field of an answer is never null", |d| schema(d, "User")["properties"]["full_name"]["type"] = "string".into(),
        Some((COMPATIBLE, "User, /full_name: the type changed from null or string to string"))),
    ("a field of a request may not be null any more", |d| schema(d, "ProfileUpdate")["properties"]["full_name"]["type"] = "string".into(),
        Some((BREAKING, "ProfileUpdate, /full_name: the type changed from null or string to string"))),
    ("a type changes", |d| schema(d, "User")["properties"]["id"]["type"] = "string".into(),
        Some((BREAKING, "User, /id: the type changed from integer to string"))),
    ("a format changes", |d| schema(d, "User")["properties"]["id"]["format"] = "int32".into(),
        Some((BREAKING, "User, /id: the format changed"))),
    ("a field has another schema", |d| schema(d, "Health")["properties"]["status"] = json!({ "$ref": "#/components/schemas/TokenType" }),
        Some((BREAKING, "Health, /status: the type changed from `HealthStatus` to `TokenType`"))),
    ("items have another schema", |d| schema(d, "UserPage")["properties"]["items"]["items"] = json!({ "type": "string" }),
        Some((BREAKING, "UserPage, /items/*: the type changed from `User` to string"))),
    ("a value of an answer is new", |d| push(&mut schema(d, "HealthStatus")["enum"], "draining".into()),
        Some((BREAKING, "HealthStatus: the value \"draining\" is new"))),
    ("a value of an answer is gone", |d| drop_item(&mut schema(d, "HealthStatus")["enum"], "unavailable"),
        Some((COMPATIBLE, "HealthStatus: the value \"unavailable\" is gone"))),
    ("a code of an extensible enum is new", |d| push(&mut schema(d, "ErrorCode")["enum"], "teapot".into()),
        Some((COMPATIBLE, "ErrorCode: the value \"teapot\" is new"))),
    ("an enum becomes extensible", |d| schema(d, "HealthStatus")["x-extensible-enum"] = true.into(),
        Some((BREAKING, "HealthStatus: further values may come"))),
    ("only some values of a request are left", |d| schema(d, "LoginRequest")["properties"]["email"]["enum"] = json!(["a@x.org"]),
        Some((BREAKING, "LoginRequest, /email: only some values are left"))),
    ("a length of a request is narrowed", |d| schema(d, "RegisterRequest")["properties"]["password"]["minLength"] = 12.into(),
        Some((BREAKING, "RegisterRequest, /password: `minLength` changed from 8 to 12"))),
    ("a length of an answer is widened", |d| schema(d, "User")["properties"]["email"]["maxLength"] = 320.into(),
        Some((BREAKING, "User, /email: `maxLength` changed from 254 to 320"))),
    ("a pattern of a request is new", |d| schema(d, "LoginRequest")["properties"]["password"]["pattern"] = "^.+$".into(),
        Some((BREAKING, "LoginRequest, /password: `pattern` changed"))),
    ("a schema is renamed", |d| {
            let user = remove(&mut d["components"]["schemas"], "User");
            d["components"]["schemas"]["TestUser"] = user;
        },
        Some((BREAKING, "User: the schema is gone, and with it the class of a client"))),
    ("a schema is new", |d| d["components"]["schemas"]["Team"] = json!({ "type": "object" }),
        Some((COMPATIBLE, "Team: the schema is new"))),
    ("further fields are refused", |d| schema(d, "LoginRequest")["additionalProperties"] = false.into(),
        Some((BREAKING, "LoginRequest: `additionalProperties` changed"))),
    ("a word that nobody knows", |d| schema(d, "User")["not"] = json!({ "type": "null" }),
        Some((BREAKING, "User: `not` changed, and no rule says what that means"))),
    ("the service moves", |d| d["servers"] = json!([{ "url": "/v2" }]),
        Some((BREAKING, "document: the servers changed"))),
    ("a description changes", |d| operation(d, "/users/me", "get")["description"] = "Other words.".into(), None),
    ("the description of a scheme changes",
        |d| d["components"]["securitySchemes"]["BearerAuth"]["description"] = "Other words.".into(), None),
    ("an example changes", |d| schema(d, "User")["examples"] = json!([]), None),
    ("a summary and the version change", |d| {
            operation(d, "/users/me", "get")["summary"] = "Other words".into();
            d["info"]["version"] = "1.0.1".into();
        }, None),
];

#[test]
fn every_seeded_change_is_classified_correctly() {
    for (name, change, expected) in SEEDS {
        let old = present();
        let mut new = old.clone();
        change(&mut new);
        assert_ne!(old, new, "{name}: the seed changes nothing");
        let found: Vec<_> =
            compare(&old, &new).iter().map(|change| (change.breaking, change.to_string())).collect();
        match expected {
            Some((breaking, text)) => {
                assert!(found.contains(&(*breaking, (*text).to_owned())), "{name}: {found:#?}");
                assert!(*breaking || found.iter().all(|(breaking, _)| !breaking), "{name}: {found:#?}");
            }
            None => assert!(found.is_empty(), "{name}: {found:#?}"),
        }
    }
}

#[test]
fn breaking_and_compatible_changes_are_seeded_often_enough() {
    let count = |class| {
        SEEDS
            .iter()
            .filter(|(_, _, expected)| expected.is_some_and(|(breaking, _)| breaking == class))
            .count()
    };
    assert!(count(BREAKING) >= 20 && count(COMPATIBLE) >= 10);
}

#[test]
fn a_document_does_not_differ_from_itself() {
    assert_eq!(compare(&present(), &present()), []);
}
