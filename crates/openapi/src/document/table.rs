//! The operations as a table for reviewers.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::traits::REQUIRED_ROLE;
use super::walk;

/// A Markdown page with one row per operation: tag, operation id, method, path, caller and
/// statuses. `command` is the command that writes the file.
pub fn render(document: &Value, command: &str) -> String {
    let mut text = format!(
        "# Operations\n\nWritten by `{command}`.\n\n\
         | Tag | Operation | Method | Path | Caller | Statuses |\n|---|---|---|---|---|---|\n"
    );
    for (path, method, operation) in walk::operations(document) {
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        let id = operation["operationId"].as_str().unwrap_or_default();
        let statuses: Vec<_> = operation["responses"].as_object().into_iter().flat_map(Map::keys).collect();
        let statuses = statuses.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let (method, caller) = (method.to_uppercase(), caller(operation));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {tag} | `{id}` | {method} | `{path}` | {caller} | {statuses} |");
    }
    text
}

/// The caller that an operation requires: `anonymous`, `user` (authenticated), or the name of a
/// role.
fn caller(operation: &Value) -> &str {
    let is_secured = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    operation[REQUIRED_ROLE].as_str().unwrap_or(if is_secured { "user" } else { "anonymous" })
}
