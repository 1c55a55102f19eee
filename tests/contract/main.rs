//! Every documented status of every operation was observed: the API tests record the statuses they
//! get, and these tests count them.
//! `./scripts/test contract` runs both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

/// An operation and a status.
type Cell = (String, u16);

/// A cell that no test can reach. The list may only shrink: a cell that was observed must leave it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    operation: String,
    status: u16,
    reason: String,
}

fn documented(document: &Value) -> BTreeSet<Cell> {
    let mut cells = BTreeSet::new();
    for operation in
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
    {
        let id = operation["operationId"].as_str().unwrap();
        let statuses = operation["responses"].as_object().unwrap().keys();
        cells.extend(statuses.map(|status| (id.to_owned(), status.parse().unwrap())));
    }
    cells
}

/// What the test processes noted.
fn observed() -> BTreeSet<Cell> {
    let folder =
        std::env::var("GROUNDWORK_CONTRACT_LOG").expect("run ./scripts/test contract: it notes what is seen");
    let mut cells = BTreeSet::new();
    for entry in fs::read_dir(&folder).unwrap() {
        for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            let (operation, status) = line.split_once(' ').unwrap();
            cells.insert((operation.to_owned(), status.parse().unwrap()));
        }
    }
    assert!(!cells.is_empty(), "{folder} holds no notes");
    cells
}

/// What is wrong with these observations.
fn judge(documented: &BTreeSet<Cell>, observed: &BTreeSet<Cell>, allowed: &[Allowed]) -> Vec<String> {
    let is_allowed = |(operation, status): &&Cell| {
        allowed.iter().any(|cell| cell.operation == *operation && cell.status == *status)
    };
    let mut problems = Vec::new();
    for (operation, status) in documented.difference(observed).filter(|cell| !is_allowed(cell)) {
        problems.push(format!(
            "{operation} {status} is documented, and no test has seen it: a row of OPERATIONS in \
                 tests/api/operations.rs causes the usual ones"
        ));
    }
    for (operation, status) in observed.difference(documented) {
        problems.push(format!("{operation} {status} was seen, and is not documented"));
    }
    for Allowed { operation, status, reason } in allowed {
        let cell = (operation.clone(), *status);
        if observed.contains(&cell) || !documented.contains(&cell) {
            problems.push(format!("{operation} {status} need not be allowed any more"));
        }
        if reason.trim().is_empty() {
            problems.push(format!("{operation} {status} is allowed without a reason"));
        }
    }
    problems
}

/// One line per operation: its statuses, with unobserved ones in brackets.
fn matrix(documented: &BTreeSet<Cell>, observed: &BTreeSet<Cell>) -> String {
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for cell in documented {
        let (operation, status) = cell;
        let shown = if observed.contains(cell) { format!(" {status} ") } else { format!("[{status}]") };
        rows.entry(operation).or_default().push(shown);
    }
    let lines = rows.iter().map(|(operation, statuses)| format!("{operation:<18}{}", statuses.concat()));
    lines.collect::<Vec<_>>().join("\n")
}

#[ignore = "needs the observations of the API tests"]
#[test]
fn every_documented_status_of_every_operation_was_observed() {
    let document: Value =
        serde_json::from_str(&fs::read_to_string("openapi/groundwork.json").unwrap()).unwrap();
    let allowed: Vec<Allowed> =
        serde_json::from_str(&fs::read_to_string("tests/contract/allowed.json").unwrap()).unwrap();
    let (documented, observed) = (documented(&document), observed());
    println!("\n{}", matrix(&documented, &observed));
    println!(
        "{} of {} cells observed, {} allowed",
        documented.intersection(&observed).count(),
        documented.len(),
        allowed.len()
    );
    let problems = judge(&documented, &observed, &allowed);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn cells(cells: &[(&str, u16)]) -> BTreeSet<Cell> {
    cells.iter().map(|(operation, status)| ((*operation).to_owned(), *status)).collect()
}

fn allowed(operation: &str, status: u16, reason: &str) -> Allowed {
    Allowed { operation: operation.to_owned(), status, reason: reason.to_owned() }
}

#[test]
fn an_unobserved_status_and_an_undocumented_one_are_refused() {
    let both = cells(&[("users_me", 200), ("users_me", 401)]);
    let one = cells(&[("users_me", 200)]);
    assert_eq!(judge(&both, &both, &[]), [""; 0]);
    assert_eq!(judge(&both, &one, &[]).len(), 1);
    assert_eq!(judge(&one, &both, &[]).len(), 1);
    assert!(matrix(&both, &one).contains(" 200 [401]"));
}

#[test]
fn an_exception_has_a_reason_and_was_not_observed() {
    let both = cells(&[("users_me", 200), ("users_me", 401)]);
    let one = cells(&[("users_me", 200)]);
    assert_eq!(judge(&both, &one, &[allowed("users_me", 401, "nobody may")]), [""; 0]);
    assert_eq!(judge(&both, &one, &[allowed("users_me", 401, " ")]).len(), 1);
    assert_eq!(judge(&both, &both, &[allowed("users_me", 401, "nobody may")]).len(), 1);
    assert_eq!(judge(&both, &both, &[allowed("gone", 401, "it is gone")]).len(), 1);
}

#[test]
fn every_status_of_every_operation_of_a_document_is_read() {
    let operation = json!({ "operationId": "users_me", "responses": { "200": {}, "401": {} } });
    let document = json!({ "paths": { "/users/me": { "get": operation } } });
    assert_eq!(documented(&document), cells(&[("users_me", 200), ("users_me", 401)]));
}
