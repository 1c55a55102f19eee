//! The operations as a table that a reviewer can read.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::walk;

/// One row an operation: tag, operation id, method, path, who may call it, and its statuses.
pub fn render(document: &Value) -> String {
    let mut text = "# Operations\n\nWritten by `groundwork openapi export`.\n\n\
        | Tag | Operation | Method | Path | Who | Statuses |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for (path, method, operation) in walk::operations(document) {
        let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tag = operation.get("tags").and_then(|tags| tags.get(0)).map(name).unwrap_or_default();
        let id = operation.get("operationId").map(name).unwrap_or_default();
        let statuses: Vec<_> =
            operation.get("responses").and_then(Value::as_object).into_iter().flat_map(Map::keys).collect();
        let statuses = statuses.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let method = method.to_uppercase();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {tag} | `{id}` | {method} | `{path}` | {} | {statuses} |", who(operation));
    }
    text
}

/// Who may call an operation: anybody, a user, or somebody with a role.
pub fn who(operation: &Map<String, Value>) -> &str {
    let secured = operation.get("security").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let role = operation.get("x-required-role").and_then(Value::as_str);
    role.unwrap_or(if secured { "user" } else { "anybody" })
}
