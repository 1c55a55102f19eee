//! The operations as a table for reviewers.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::traits::{ALLOWED_ROLES, REQUIRED_SCOPE};
use super::walk;

/// A Markdown page with one row per operation: tag, operation id, method, path, caller, the
/// scope that an API key needs, and statuses. `command` is the command that writes the file.
pub fn render(document: &Value, command: &str) -> String {
    let mut text = format!(
        "# Operations\n\nWritten by `{command}`.\n\n\
         | Tag | Operation | Method | Path | Caller | Scope | Statuses |\n|---|---|---|---|---|---|---|\n"
    );
    for (path, method, operation) in walk::operations(document) {
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        let id = operation["operationId"].as_str().unwrap_or_default();
        let statuses: Vec<_> = operation["responses"].as_object().into_iter().flat_map(Map::keys).collect();
        let statuses = statuses.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let (method, caller) = (method.to_uppercase(), caller(operation));
        let scope = operation[REQUIRED_SCOPE].as_str().map(|scope| format!("`{scope}`")).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {tag} | `{id}` | {method} | `{path}` | {caller} | {scope} | {statuses} |");
    }
    text
}

/// The caller that an operation requires: `anonymous`, `user` (authenticated), or the names of roles.
fn caller(operation: &Value) -> String {
    let is_secured = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    let roles = operation[ALLOWED_ROLES].as_array().into_iter().flatten();
    let roles: Vec<_> = roles.filter_map(Value::as_str).collect();
    if roles.is_empty() { if is_secured { "user" } else { "anonymous" }.to_owned() } else { roles.join(", ") }
}
