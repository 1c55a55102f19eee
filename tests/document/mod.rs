//! The committed document is what the handlers declare, and what client teams and their generators
//! need.

mod checks;
mod examples;
mod http_semantics;
mod names;
mod parity;
mod reading;
mod references;
mod samples;
mod shape;

use std::borrow::Cow;
use std::fs;

use groundwork_openapi::table;
use serde_json::{Value, json};

use reading::{DOCUMENTS, newest, older, operations};

#[test]
fn the_checked_in_files_are_the_document() {
    let table = table::render(&newest(), "groundwork openapi export");
    for (file, text) in [
        ("openapi/operations.md", &Cow::from(table)),
        ("openapi/groundwork.json", &DOCUMENTS.json),
        ("openapi/groundwork.yaml", &DOCUMENTS.yaml),
        ("openapi/groundwork-3.0.json", &DOCUMENTS.json_3_0),
    ] {
        let found = fs::read_to_string(file).expect(file);
        assert!(
            found == *text,
            "{file} is not what the code declares; run `cargo run -- openapi export` and commit openapi/"
        );
    }
}

#[test]
fn clients_can_be_generated_from_both_documents() {
    for document in [newest(), older()] {
        assert_eq!(xtask::lint::check(&document), Vec::<String>::new());
    }
}

#[test]
fn the_yaml_document_equals_the_json_document() {
    let json = newest();
    let yaml: Value = serde_saphyr::from_str(&DOCUMENTS.yaml).unwrap();
    assert_eq!(json, yaml);
    assert_eq!(
        (&json["openapi"], &json["info"]["version"]),
        (&"3.1.0".into(), &env!("CARGO_PKG_VERSION").into())
    );
}

#[test]
fn the_table_of_operations_lists_callers_scopes_and_statuses_of_each() {
    let document = newest();
    let table = table::render(&document, "groundwork openapi export");
    let rows: Vec<_> = table.lines().filter(|line| line.contains("| `/")).collect();
    assert_eq!(rows.len(), operations(&document).len());
    for row in [
        "| health | `health_live` | GET | `/api/v1/health/live` | anonymous |  | 200 400 |",
        "| users | `users_me` | GET | `/api/v1/users/me` | user | `users:read` | 200 304 400 401 403 429 500 503 |",
        "| users | `users_list` | GET | `/api/v1/users` | support, superuser | `users:read` | 200 400 401 403 422 429 500 503 |",
    ] {
        assert!(rows.contains(&row), "{row}: {table}");
    }
}

#[test]
fn login_and_health_operations_need_no_token() {
    let document = newest();
    let public =
        operations(&document).into_iter().filter(|operation| operation.value["security"] == json!([]));
    let public: Vec<_> = public.map(|operation| operation.id).collect();
    assert_eq!(
        public,
        [
            "auth_register",
            "auth_signup",
            "auth_login",
            "auth_refresh",
            "auth_verify_email",
            "auth_resend_verification",
            "auth_forgot_password",
            "auth_reset_password",
            "auth_confirm_email",
            "health_show",
            "health_live",
            "health_ready",
            "service_show",
            "service_jwks"
        ]
    );
}

#[test]
fn every_code_of_the_catalogue_is_an_enum_value_and_every_enum_value_is_used() {
    let document = newest();
    let codes = document["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap().clone();
    assert_eq!(codes.len(), groundwork::api::errors::CATALOGUE.len());
    let text = document["paths"].to_string();
    for code in codes {
        // Any path can be answered with these two, so no operation lists them.
        let anywhere = code == "method_not_allowed" || code == "not_found";
        assert!(anywhere || text.contains(&format!("\"error\":{code}")), "no operation answers {code}");
    }
}

#[test]
fn another_prefix_moves_every_operation_but_those_of_the_whole_origin() {
    let document: Value = serde_json::from_str(&groundwork::api::documents("/v9").unwrap().json).unwrap();
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    let is_of_origin = |path: &str| path == "/" || path.starts_with("/.well-known/");
    assert!(paths.iter().all(|path| is_of_origin(path) || path.starts_with("/v9/")), "{paths:?}");
}
