//! Every error of a document.

use serde_json::{Value, json};

use super::super::DocumentError;
use super::{catalogue, document, from_spec, operation};

fn refused(document: &Value) -> DocumentError {
    from_spec(&document.to_string(), &catalogue()).unwrap_err()
}

/// The violation in a document whose only operation was changed.
fn violation(change: impl FnOnce(&mut Value)) -> String {
    let mut operation = operation("thing_get");
    change(&mut operation);
    match refused(&document(&operation, &json!({}))) {
        DocumentError::Operation { operation, violation } => {
            assert_eq!(operation, "GET /things");
            violation
        }
        other => panic!("{other}"),
    }
}

#[test]
fn text_that_is_no_document() {
    let error = |text| from_spec(text, &catalogue()).unwrap_err();
    assert!(matches!(error("{"), DocumentError::Json(_)));
    assert!(matches!(error("{} {}"), DocumentError::Json(_)));
    assert!(matches!(error("[1, 2.5, null, true, -1]"), DocumentError::NotAnObject));
    assert!(matches!(error(r#"{"components": []}"#), DocumentError::NotAnObject));
}

#[test]
fn repeated_keys() {
    let error = |text| from_spec(text, &catalogue()).unwrap_err().to_string();
    let twice = error(r#"{"paths": {"/a": {"get": {}}, "/a": {"get": {}}}}"#);
    assert!(twice.contains("`/a` occurs twice"), "{twice}");
    let twice = error(r#"{"info": {"title": "a", "title": "b"}}"#);
    assert!(twice.contains("`title` occurs twice"), "{twice}");
    let twice = error(r#"{"paths": {"/a": 1, "/a": {}}}"#);
    assert!(twice.contains("`/a` occurs twice"), "{twice}");
}

#[test]
fn error_responses() {
    let response = |status: &str, response: Value| {
        violation(|operation| operation["responses"] = json!({ status: response }))
    };
    let named = |status, codes| response(status, json!({ "description": codes }));
    assert_eq!(named("default", ""), "declares the response `default`, which is no status code");
    assert_eq!(named("409", ""), "the response 409 names no error code in its description");
    assert_eq!(named("409", "email_taken,typo"), "the error code `typo` is not in the catalogue");
    assert_eq!(
        named("404", "email_taken"),
        "the error code `email_taken` belongs to the status 409, not 404"
    );
    let body = json!({ "description": "not_found", "content": { "application/json": { "schema": {} } } });
    assert_eq!(
        response("404", body),
        "the response 404 has a body of its own; an error response only names its codes"
    );
}

#[test]
fn a_catalogue_without_an_implied_code() {
    let document = document(&operation("thing_get"), &json!({}));
    let error = from_spec(&document.to_string(), &catalogue()[..1]).unwrap_err();
    assert_eq!(error.to_string(), "GET /things: the error code `internal_error` is not in the catalogue");
}

#[test]
fn path_parameters_in_another_order() {
    let parameter = |name: &str| json!({ "name": name, "in": "path", "required": true });
    let with = |names: [&str; 2]| {
        let mut operation = operation("thing_get");
        operation["parameters"] = names.map(parameter).into();
        let document = json!({
            "openapi": "3.0.0",
            "info": { "title": "Things", "version": "1.0.0" },
            "paths": { "/teams/{team}/users/{user}": { "get": operation } },
        });
        from_spec(&document.to_string(), &catalogue())
    };
    assert!(with(["team", "user"]).is_ok());
    assert_eq!(
        with(["user", "team"]).unwrap_err().to_string(),
        "GET /teams/{team}/users/{user}: declares the path parameters [\"user\", \"team\"] where the path has \
         [\"team\", \"user\"]"
    );
}
