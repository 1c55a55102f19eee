//! Breaking on purpose: each break is named, with the version that ships it and the reason.

use serde::Deserialize;
use xtask::diff::DocumentChange;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The change, as `cargo xtask openapi diff` prints it behind its class.
    change: String,
    /// The version whose document has the change.
    version: String,
    reason: String,
}

/// What is wrong with these changes under these waivers, for the document of this version.
pub fn judge(changes: &[DocumentChange], waivers: &[Waiver], version: &str) -> Vec<String> {
    let breaking: Vec<_> = changes.iter().filter(|change| change.breaking).map(ToString::to_string).collect();
    let waived =
        |change: &String| waivers.iter().any(|waiver| waiver.change == *change && waiver.version == version);
    let mut problems: Vec<_> = breaking
        .iter()
        .filter(|change| !waived(change))
        .map(|change| format!("breaks clients, and no waiver for {version} names it: {change}"))
        .collect();
    for waiver in waivers {
        if waiver.reason.trim().is_empty() {
            problems.push(format!("a waiver without a reason: {}", waiver.change));
        }
        if waiver.version == version && !breaking.contains(&waiver.change) {
            problems.push(format!("a waiver of nothing: {}", waiver.change));
        }
    }
    problems
}

fn waiver(change: &str, version: &str, reason: &str) -> Waiver {
    Waiver { change: change.to_owned(), version: version.to_owned(), reason: reason.to_owned() }
}

fn gone() -> DocumentChange {
    let sentence = "the field is gone".to_owned();
    DocumentChange { breaking: true, place: "User, /email".to_owned(), sentence }
}

const GONE: &str = "User, /email: the field is gone";

#[test]
fn a_break_needs_a_waiver_of_its_version() {
    assert_eq!(judge(&[gone()], &[], "2.0.0").len(), 1);
    assert_eq!(judge(&[gone()], &[waiver(GONE, "2.0.0", "it was personal")], "2.0.0"), [""; 0]);
    assert_eq!(judge(&[gone()], &[waiver(GONE, "3.0.0", "it was personal")], "2.0.0").len(), 1);
    assert_eq!(judge(&[DocumentChange { breaking: false, ..gone() }], &[], "2.0.0"), [""; 0]);
}

#[test]
fn an_unused_waiver_and_one_without_a_reason_are_refused() {
    assert_eq!(judge(&[], &[waiver(GONE, "2.0.0", "it was personal")], "2.0.0").len(), 1);
    assert_eq!(judge(&[gone()], &[waiver(GONE, "2.0.0", " ")], "2.0.0").len(), 1);
    // One of an earlier version is history.
    assert_eq!(judge(&[], &[waiver(GONE, "1.1.0", "it was personal")], "2.0.0"), [""; 0]);
}
