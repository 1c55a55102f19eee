//! Changes as Markdown.

use std::fmt::Write as _;

use serde_json::Value;

use super::{DocumentChange, compare, version};

/// The changes as a section of a changelog in Markdown.
pub fn section(title: &str, changes: &[DocumentChange]) -> String {
    let mut text = format!("## {title}\n");
    if changes.is_empty() {
        text.push_str("\nNothing that a client would notice.\n");
    }
    for (breaking, heading) in [(true, "Breaking"), (false, "Compatible")] {
        let mut changes = changes.iter().filter(|change| change.breaking == breaking).peekable();
        if changes.peek().is_some() {
            let _ = write!(text, "\n### {heading}\n\n");
        }
        for change in changes {
            let _ = writeln!(text, "- {change}");
        }
    }
    text
}

/// The changelog of the API: what each released document changed, and what the present one will
/// change. Before the first release it says so.
pub fn changelog(mut released: Vec<Value>, present: &Value) -> String {
    released.sort_by_key(version_numbers);
    let mut sections = Vec::new();
    sections.push(match released.first() {
        Some(first) => format!("## {}\n\nThe first document.\n", version(first)),
        None => "Nothing is released yet.\n".to_owned(),
    });
    sections.extend(released.windows(2).map(|pair| section(version(&pair[1]), &compare(&pair[0], &pair[1]))));
    if let Some(last) = released.last() {
        let changes = compare(last, present);
        if !changes.is_empty() {
            sections.push(section("Unreleased", &changes));
        }
    }
    sections.reverse();
    format!(
        "# Changes of the API\n\nWritten by `cargo xtask openapi changelog` from the documents in `released/`.\n\n{}",
        sections.join("\n")
    )
}

/// The three numbers of a document's version (Semantic Versioning 2.0.0, 2).
fn version_numbers(document: &Value) -> Vec<u64> {
    version(document).split('.').map(|number| number.parse().unwrap_or_default()).collect()
}
