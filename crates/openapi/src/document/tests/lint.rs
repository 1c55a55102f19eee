//! Every lint rule, broken.

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
fn operation_ids() {
    let without = violation(|operation| {
        operation.as_object_mut().unwrap().shift_remove("operationId");
    });
    assert_eq!(without, Violation::NoOperationId);
    for id in ["things", "thingGet", "Thing_get", "thing__get", "_thing_get", "thing_get_", "thing-get_x"] {
        let form = violation(|operation| operation["operationId"] = id.into());
        assert_eq!(form, Violation::OperationIdForm(id.to_owned()));
    }
    let mut document = document(&operation("thing_get"), &json!({}));
    document["paths"]["/others"] = json!({ "get": operation("thing_get") });
    assert_eq!(
        refused(&document).to_string(),
        "GET /others: operation id `thing_get` is taken by GET /things"
    );
}

#[test]
fn tags() {
    assert_eq!(violation(|operation| operation["tags"] = json!([])), Violation::Tags(0));
    assert_eq!(violation(|operation| operation["tags"] = json!(["A", "B"])), Violation::Tags(2));
}

#[test]
fn words_for_readers() {
    assert_eq!(violation(|operation| operation["summary"] = " ".into()), Violation::NoSummary);
    assert_eq!(violation(|operation| operation["description"] = Value::Null), Violation::NoDescription);
}

#[test]
fn path_parameters_in_another_order() {
    let parameter =
        |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    let mut operation = operation("thing_get");
    operation["parameters"] = json!([parameter("b"), parameter("a")]);
    let mut document = document(&operation, &json!({}));
    document["paths"] = json!({ "/things/{a}/of/{b}": { "get": operation } });
    let text = refused(&document).to_string();
    assert!(
        text.contains(r#"declares the path parameters ["b", "a"] where the path has ["a", "b"]"#),
        "{text}"
    );
    document["paths"]["/things/{a}/of/{b}"]["get"]["parameters"] = json!([parameter("a"), parameter("b")]);
    from_spec(&document.to_string(), &catalogue()).unwrap();
}

#[test]
fn references_to_nothing() {
    let schemas =
        json!({ "Thing": { "properties": { "other": { "$ref": "#/components/schemas/Missing" } } } });
    let text = refused(&document(&operation("thing_get"), &schemas)).to_string();
    assert!(text.contains("`/components/schemas/Thing/properties/other/$ref`"), "{text}");
    assert!(text.contains("`#/components/schemas/Missing`"), "{text}");
    let schemas = json!({ "Thing": { "allOf": [{ "$ref": "other.json" }, {}, {}] } });
    assert!(matches!(refused(&document(&operation("thing_get"), &schemas)), DocumentError::Reference { .. }));
}

#[test]
fn two_success_bodies() {
    let body = json!({ "description": "", "content": { "application/json": { "schema": {} } } });
    let bodies = violation(|operation| {
        operation["responses"] = json!({ "200": body, "201": body });
    });
    assert_eq!(bodies, Violation::SuccessBodies(2));
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
