//! The operations as a table for reviewers.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::traits::REQUIRED_ROLE;
use super::walk;

/// A Markdown page with one row per operation: tag, operation id, method, path, caller and statuses.
/// `command` is the command that writes the file.
pub fn render(document: &Value, command: &str) -> String {
    let mut text = format!(
        "# Operations\n\nWritten by `{command}`.\n\n\
         | Tag | Operation | Method | Path | Who | Statuses |\n|---|---|---|---|---|---|\n"
    );
    for (path, method, operation) in walk::operations(document) {
        let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tag = operation.get("tags").and_then(|tags| tags.get(0)).map(name).unwrap_or_default();
        let id = operation.get("operationId").map(name).unwrap_or_default();
        let statuses: Vec<_> =
            operation.get("responses").and_then(Value::as_object).into_iter().flat_map(Map::keys).collect();
        let statuses = statuses.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let method = method.to_uppercase();
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "| {tag} | `{id}` | {method} | `{path}` | {} | {statuses} |", caller(operation));
    }
    text
}

/// The caller that an operation requires: `anybody`, `user` (authenticated), or the name of a role.
fn caller(operation: &Map<String, Value>) -> &str {
    let secured = operation.get("security").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let role = operation.get(REQUIRED_ROLE).and_then(Value::as_str);
    role.unwrap_or(if secured { "user" } else { "anybody" })
}
