//! Every error of a document.

use serde_json::{Value, json};

use super::super::{DocumentError, Violation};
use super::{catalogue, document, from_spec, operation};

fn refused(document: &Value) -> DocumentError {
    from_spec(&document.to_string(), &catalogue()).unwrap_err()
}

/// The violation in a document whose only operation was changed.
fn violation(change: impl FnOnce(&mut Value)) -> Violation {
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
    assert_eq!(named("default", ""), Violation::Status("default".to_owned()));
    assert_eq!(named("409", ""), Violation::NoCodes(409));
    assert_eq!(named("409", "email_taken,typo"), Violation::UnknownCode("typo".to_owned()));
    assert_eq!(
        named("404", "email_taken"),
        Violation::CodeStatus { code: "email_taken".to_owned(), declared: 404, catalogue: 409 }
    );
    let body = json!({ "description": "not_found", "content": { "application/json": { "schema": {} } } });
    assert_eq!(response("404", body), Violation::ErrorBody(404));
}

#[test]
fn a_catalogue_without_an_implied_code() {
    let document = document(&operation("thing_get"), &json!({}));
    let error = from_spec(&document.to_string(), &catalogue()[..1]).unwrap_err();
    assert_eq!(error.to_string(), "GET /things: the error code `internal_error` is not in the catalogue");
}
