//! The table of operations has exactly what the document has.

use serde_json::{Value, json};

use super::{Caller, Fixture, OPERATIONS, Operation, new_name, operation};
use crate::support::contract::contract;

/// How the table departs from a document.
fn differences(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            let id = described["operationId"].as_str().unwrap();
            documented.push(id);
            match OPERATIONS.iter().find(|operation| operation.id == id) {
                None => problems.push(lacking(id, method, path, described)),
                Some(operation) => {
                    problems.extend(missing_fixture(operation));
                    let address = (operation.method.to_lowercase(), operation.template);
                    if address != (method.clone(), path.as_str()) {
                        problems.push(format!("{id} is {method} {path} in the document"));
                    }
                    problems.extend(differing_traits(operation, described));
                }
            }
        }
    }
    let stale = OPERATIONS.iter().filter(|operation| !documented.contains(&operation.id));
    problems.extend(stale.map(|operation| format!("the document lacks {}", operation.id)));
    problems
}

/// What to add for an operation of the document that the table lacks.
fn lacking(id: &str, method: &str, path: &str, described: &Value) -> String {
    let who = format!("{:?}", documented_caller(described));
    let scope = described["x-required-scope"].as_str();
    let scope = scope.map(|scope| format!(".scope(\"{scope}\")")).unwrap_or_default();
    let statuses = described["responses"].as_object().unwrap();
    let success = statuses.keys().find(|status| status.starts_with('2')).unwrap();
    let body = if described["requestBody"].is_object() { "Some(a_valid_body)" } else { "None" };
    let method = method.to_uppercase();
    format!(
        "the table lacks {id}. Add to OPERATIONS in tests/api/operations.rs:\n    \
         operation(\"{id}\", \"{method}\", \"{path}\", Caller::{who}, {success}, {body}){scope},"
    )
}

/// What to add to a row whose `{id}` is not a user's and that does not state what it is.
fn missing_fixture(operation: &Operation) -> Option<String> {
    let is_user = matches!(operation.fixture, Fixture::User);
    let collection = operation.template.split("/{id}").next().filter(|path| *path != operation.template)?;
    (is_user && collection != "/api/v1/users").then(|| {
        format!(
            "{}: state what its {{id}} names, in tests/api/operations.rs: \
             .on(Fixture::Owned {{ path: \"{collection}\", body: a_valid_body }})",
            operation.id
        )
    })
}

fn documented_caller(described: &Value) -> Caller {
    let needs_token = described["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    let roles = described["x-allowed-roles"].as_array().into_iter().flatten();
    let roles: Vec<_> = roles.filter_map(Value::as_str).collect();
    match (needs_token, &*roles) {
        (false, _) => Caller::Anybody,
        (true, []) => Caller::User,
        (true, ["superuser"]) => Caller::Superuser,
        (true, ["support", "superuser"]) => Caller::Support,
        (true, roles) => panic!("teach this table who {roles:?} are"),
    }
}

fn differing_traits(operation: &Operation, described: &Value) -> Vec<String> {
    let statuses: Vec<&String> = described["responses"].as_object().unwrap().keys().collect();
    let success = operation.success.to_string();
    let refusals = &described["responses"]["403"]["content"]["application/json"]["examples"];
    let may_be_forbidden = refusals["forbidden"].is_object();
    let may_lack_scope = refusals["insufficient_scope"].is_object();
    let who = documented_caller(described);
    let pairs = [
        ("caller", who == operation.who && may_be_forbidden == who.needs_role()),
        (
            "scope",
            described["x-required-scope"].as_str() == operation.scope
                && may_lack_scope == (who != Caller::Anybody),
        ),
        ("body", described["requestBody"].is_object() == operation.body.is_some()),
        ("success", statuses.iter().filter(|s| s.starts_with('2')).eq([&&success])),
    ];
    let wrong = pairs.into_iter().filter(|(_, right)| !right);
    wrong.map(|(name, _)| format!("{} has another {name} in the document", operation.id)).collect()
}

#[test]
fn the_table_has_exactly_the_operations_of_the_document() {
    let differences = differences(&contract().document);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_document_with_an_extra_operation_differs_from_the_table() {
    let mut document = contract().document.clone();
    let mut added = document["paths"]["/api/v1/users/me"]["get"].clone();
    added["operationId"] = json!("users_me_show_twice");
    document["paths"]["/api/v1/users/me"]["put"] = added;
    let row = "operation(\"users_me_show_twice\", \"PUT\", \"/api/v1/users/me\", Caller::User, 200, None)\
               .scope(\"users:read\"),";
    let [lacking] = &*differences(&document) else { panic!("one operation is new") };
    assert!(
        lacking.starts_with("the table lacks users_me_show_twice. ") && lacking.ends_with(row),
        "{lacking}"
    );
}

#[test]
fn a_row_that_does_not_state_what_its_id_names_is_found() {
    let notes = operation("notes_get", "GET", "/api/v1/notes/{id}", Caller::User, 200, None);
    assert!(missing_fixture(&notes).unwrap().starts_with("notes_get: state what its {id} names"));
    assert_eq!(missing_fixture(&notes.on(Fixture::Owned { path: "/api/v1/notes", body: new_name })), None);
}

#[test]
fn a_document_without_an_operation_differs_from_the_table() {
    let mut document = contract().document.clone();
    document["paths"]["/api/v1/users/me"].as_object_mut().unwrap().shift_remove("delete");
    assert_eq!(differences(&document), ["the document lacks users_me_delete"]);
}

#[test]
fn an_operation_with_another_guard_path_or_body_differs_from_the_table() {
    let mut document = contract().document.clone();
    document["paths"]["/api/v1/users"]["get"]["security"] = json!([]);
    let body =
        document["paths"]["/api/v1/users"]["post"].as_object_mut().unwrap().shift_remove("requestBody");
    assert!(body.is_some());
    let moved = document["paths"]["/api/v1/auth/me"].take();
    document["paths"].as_object_mut().unwrap().shift_remove("/api/v1/auth/me");
    document["paths"]["/api/v1/auth/myself"] = moved;
    assert_eq!(
        differences(&document),
        [
            "users_list has another caller in the document",
            "users_list has another scope in the document",
            "users_create has another body in the document",
            "auth_me is get /api/v1/auth/myself in the document",
        ]
    );
}
