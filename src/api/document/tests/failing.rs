//! Every check, failing.

use serde_json::{Value, json};

use super::{
    super::{DocumentError, Documents, Problem},
    catalogue, document, operation,
};

fn refused(document: &Value) -> DocumentError {
    Documents::from_spec(&document.to_string(), &catalogue(), str::to_owned).unwrap_err()
}

/// The problem of a document whose only operation was changed.
fn problem(change: impl FnOnce(&mut Value)) -> Problem {
    let mut operation = operation("thing_get");
    change(&mut operation);
    match refused(&document(&operation, &json!({}))) {
        DocumentError::Operation { operation, problem } => {
            assert_eq!(operation, "GET /things");
            problem
        }
        other => panic!("{other}"),
    }
}

#[test]
fn text_that_is_no_document() {
    let error = |text| Documents::from_spec(text, &catalogue(), str::to_owned).unwrap_err();
    assert!(matches!(error("{"), DocumentError::Json(_)));
    assert!(matches!(error("{} {}"), DocumentError::Json(_)));
    assert!(matches!(error("[1, 2.5, null, true, -1]"), DocumentError::NotAnObject));
    assert!(matches!(error(r#"{"components": []}"#), DocumentError::NotAnObject));
}

#[test]
fn repeated_keys() {
    let error = |text| Documents::from_spec(text, &catalogue(), str::to_owned).unwrap_err().to_string();
    let twice = error(r#"{"paths": {"/a": {"get": {}}, "/a": {"get": {}}}}"#);
    assert!(twice.contains("`/paths/~1a/get` occurs twice"), "{twice}");
    let twice = error(r#"{"info": {"title": "a", "title": "b"}}"#);
    assert!(twice.contains("`/info/title` occurs twice"), "{twice}");
    let twice = error(r#"{"paths": {"/a": 1, "/a": {}}}"#);
    assert!(twice.contains("`/paths/~1a` occurs twice"), "{twice}");
}

#[test]
fn operation_ids() {
    let without = problem(|operation| {
        operation.as_object_mut().unwrap().shift_remove("operationId");
    });
    assert_eq!(without, Problem::NoOperationId);
    for id in ["things", "thingGet", "Thing_get", "thing__get", "_thing_get", "thing_get_", "thing-get_x"] {
        let form = problem(|operation| operation["operationId"] = id.into());
        assert_eq!(form, Problem::OperationIdForm(id.to_owned()));
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
    assert_eq!(problem(|operation| operation["tags"] = json!([])), Problem::Tags(0));
    assert_eq!(problem(|operation| operation["tags"] = json!(["A", "B"])), Problem::Tags(2));
}

#[test]
fn words_for_readers() {
    assert_eq!(problem(|operation| operation["summary"] = " ".into()), Problem::NoSummary);
    assert_eq!(problem(|operation| operation["description"] = Value::Null), Problem::NoDescription);
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
    Documents::from_spec(&document.to_string(), &catalogue(), str::to_owned).unwrap();
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
    let bodies = problem(|operation| {
        operation["responses"] = json!({ "200": body, "201": body });
    });
    assert_eq!(bodies, Problem::SuccessBodies(2));
}

#[test]
fn error_responses() {
    let response = |status: &str, response: Value| {
        problem(|operation| operation["responses"] = json!({ status: response }))
    };
    let named = |status, codes| response(status, json!({ "description": codes }));
    assert_eq!(named("default", ""), Problem::Status("default".to_owned()));
    assert_eq!(named("409", ""), Problem::NoCodes(409));
    assert_eq!(named("409", "email_taken,typo"), Problem::UnknownCode("typo".to_owned()));
    assert_eq!(
        named("404", "email_taken"),
        Problem::CodeStatus { code: "email_taken".to_owned(), declared: 404, catalogue: 409 }
    );
    let body = json!({ "description": "not_found", "content": { "application/json": { "schema": {} } } });
    assert_eq!(response("404", body), Problem::ErrorBody(404));
}

#[test]
fn a_catalogue_without_an_implied_code() {
    let document = document(&operation("thing_get"), &json!({}));
    let error = Documents::from_spec(&document.to_string(), &catalogue()[..1], str::to_owned).unwrap_err();
    assert_eq!(error.to_string(), "GET /things: the error code `internal_error` is not in the catalogue");
}
