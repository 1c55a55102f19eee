//! The checked-in document is what the handlers declare, and it says what client teams need.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;

use groundwork::api::document::Documents;
use serde_json::Value;

fn documents() -> Documents {
    groundwork::api::documents("/api/v1").unwrap()
}

/// Every operation of the document with its path and method.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let items = document["paths"].as_object().unwrap().iter();
    items
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, o)| (path.as_str(), method.as_str(), o))
        })
        .collect()
}

#[test]
fn the_checked_in_files_are_the_document() {
    let documents = documents();
    for (file, text) in [
        ("openapi/groundwork.json", &documents.json),
        ("openapi/groundwork.yaml", &documents.yaml),
        ("openapi/groundwork-3.0.json", &documents.json_3_0),
    ] {
        let found = fs::read_to_string(file).expect(file);
        assert!(found == *text, "{file} is stale: run `groundwork openapi export`");
    }
}

#[test]
fn the_yaml_says_what_the_json_says() {
    let documents = documents();
    let json: Value = serde_json::from_str(&documents.json).unwrap();
    let yaml: Value = serde_saphyr::from_str(&documents.yaml).unwrap();
    assert_eq!(json, yaml);
    assert_eq!(
        (&json["openapi"], &json["info"]["version"]),
        (&"3.1.0".into(), &env!("CARGO_PKG_VERSION").into())
    );
}

#[test]
fn every_operation_is_described_exemplified_and_secured_or_public() {
    let document: Value = serde_json::from_str(&documents().json).unwrap();
    let operations = operations(&document);
    assert!(operations.len() >= 19, "{}", operations.len());
    for (path, method, operation) in operations {
        let id = operation["operationId"].as_str().unwrap();
        for text in ["summary", "description"] {
            assert!(operation[text].as_str().is_some_and(|text| text.len() > 5), "{id} lacks a {text}");
        }
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{id}");
        let public = ["auth_register", "auth_login", "auth_refresh", "service_show"].contains(&id)
            || id.starts_with("health_");
        assert_eq!(operation["security"].as_array().unwrap().is_empty(), public, "{id}");
        if let Some(body) = operation.get("requestBody") {
            assert!(
                !body["content"]["application/json"]["example"].is_null(),
                "{id} lacks an example of its body"
            );
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = &response["content"]["application/json"];
            let exemplified =
                status == "204" || !content["example"].is_null() || !content["examples"].is_null();
            assert!(exemplified, "{method} {path} {status} lacks an example");
            if status.starts_with(['4', '5']) {
                assert_eq!(content["schema"]["$ref"], "#/components/schemas/ApiError", "{id} {status}");
            }
            if status == "401" {
                assert!(!response["headers"]["WWW-Authenticate"].is_null(), "{id}");
            }
        }
    }
}

#[test]
fn every_code_of_the_catalogue_is_an_enum_value_and_every_enum_value_is_used() {
    let document: Value = serde_json::from_str(&documents().json).unwrap();
    let codes = document["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap().clone();
    assert_eq!(codes.len(), groundwork::api::errors::ErrorCode::ALL.len());
    let text = document["paths"].to_string();
    for code in codes {
        // Any path can be answered with these two, so no operation lists them.
        let anywhere = code == "method_not_allowed" || code == "not_found";
        assert!(anywhere || text.contains(&format!("\"error\":{code}")), "no operation answers {code}");
    }
}

#[test]
fn another_prefix_moves_every_operation_but_the_root() {
    let document: Value = serde_json::from_str(&groundwork::api::documents("/v9").unwrap().json).unwrap();
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert!(paths.iter().all(|path| *path == "/" || path.starts_with("/v9/")), "{paths:?}");
}
