//! The tables of settings, error codes and commands list what exists, once each.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::assert_none;
use crate::documentation::page::{Page, root};

const SETTINGS: &str = include_str!("../../src/settings.rs");
const AUDIT_EVENTS: &str = include_str!("../../src/models/audit_events.rs");

/// The codes of the document, each with its status, as `(400, "malformed_request")`.
fn error_codes() -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(root().join("openapi/groundwork.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let description =
        document["components"]["schemas"]["ErrorCode"]["description"].as_str().unwrap().to_owned();
    let codes = description.lines().filter_map(|line| {
        let (code, rest) = line.strip_prefix("- `")?.split_once("` (")?;
        Some((rest.split_once(')')?.0.to_owned(), code.to_owned()))
    });
    codes.collect()
}

/// Codes without a row, and rows without a code or with another status.
fn wrong_codes(page: &Page, codes: &BTreeSet<(String, String)>) -> Vec<String> {
    assert!(codes.len() > 10, "{codes:?}");
    let rows: BTreeSet<_> = page
        .rows(Some("## Codes"))
        .iter()
        .filter_map(|cells| {
            Some((cells[0].to_owned(), cells[1].strip_prefix('`')?.strip_suffix('`')?.to_owned()))
        })
        .collect();
    codes.symmetric_difference(&rows).map(|(status, code)| format!("{status} {code}")).collect()
}

/// The kinds of audit events that the service records.
fn audit_kinds() -> BTreeSet<String> {
    let kinds = AUDIT_EVENTS.lines().filter_map(|line| {
        let (_, kind) = line.split_once(": Self = Self(\"")?;
        Some(kind.strip_suffix("\");")?.to_owned())
    });
    kinds.collect()
}

/// Kinds of audit events without a row, and rows of unknown kinds.
fn wrong_kinds(page: &Page, kinds: &BTreeSet<String>) -> Vec<String> {
    assert!(kinds.len() > 30, "{kinds:?}");
    let rows = page.rows(Some("## Kinds"));
    let rows: BTreeSet<_> = rows
        .iter()
        .flat_map(|cells| cells[0].split(", "))
        .filter_map(|kind| Some(kind.strip_prefix('`')?.strip_suffix('`')?.to_owned()))
        .collect();
    kinds.symmetric_difference(&rows).cloned().collect()
}

/// The commands that `--help` lists.
fn commands() -> BTreeSet<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_groundwork")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let lines = commands.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).map(str::to_owned).collect()
}

/// Commands without a row, and rows without a command. Several rows may be of one command.
fn wrong_commands(page: &Page, commands: &BTreeSet<String>) -> Vec<String> {
    let rows = page.rows(Some("# Command line"));
    let rows = rows.iter().filter_map(|cells| cells[0].strip_prefix('`')?.strip_suffix('`'));
    let named: BTreeSet<_> = rows.map(|row| row.split(' ').next().unwrap().to_owned()).collect();
    commands.symmetric_difference(&named).cloned().collect()
}

/// Settings without a row, and rows without a setting.
fn wrong_settings(page: &Page) -> Vec<String> {
    let names =
        SETTINGS.split("\", default").filter_map(|before| before.rsplit_once("= \"")).map(|(_, name)| name);
    let settings: BTreeSet<_> = names.filter(|name| !name.contains('"')).collect();
    assert!(settings.len() > 40, "{settings:?}");
    let rows = page.rows(Some("## Settings that are wrong"));
    let rows: Vec<_> =
        rows.iter().filter_map(|cells| cells[0].strip_prefix('`')?.strip_suffix('`')).collect();
    let place = "the table of \"Settings that are wrong\" in docs/operations.md";
    let wrong = settings.iter().filter_map(|name| match rows.iter().filter(|row| *row == name).count() {
        0 => Some(format!("{name}: add to {place}: | `{name}` | what an unsuitable value causes |")),
        1 => None,
        _ => Some(format!("{name}: leave one of its rows in {place}")),
    });
    let without_setting = rows.iter().filter(|row| !settings.contains(*row));
    wrong.chain(without_setting.map(|row| format!("{row}: remove its row from {place}"))).collect()
}

#[test]
fn every_error_code_has_a_row_with_its_status() {
    assert_none(&wrong_codes(&Page::read(Path::new("docs/reference/errors.md")), &error_codes()));
}

#[test]
fn an_undocumented_code_and_one_with_another_status_are_found() {
    let text = Page::read(Path::new("docs/reference/errors.md")).text;
    let row = "| 403 | `forbidden` |";
    for (changed, wrong) in [
        (text.replace(row, "| 403 | forbidden |"), 1),
        (text.replace(row, "| 404 | `forbidden` |"), 2),
        (text.replace(row, &format!("| 418 | `teapot` | | |\n{row}")), 1),
    ] {
        assert_ne!(changed, text);
        assert_eq!(wrong_codes(&Page::seeded(&changed), &error_codes()).len(), wrong);
    }
}

#[test]
fn every_kind_of_audit_event_has_a_row() {
    assert_none(&wrong_kinds(&Page::read(Path::new("docs/reference/audit-events.md")), &audit_kinds()));
}

#[test]
fn an_undocumented_kind_of_audit_event_and_an_unknown_one_are_found() {
    let text = Page::read(Path::new("docs/reference/audit-events.md")).text;
    for (changed, wrong) in [
        (text.replace("| `logged_in` |", "| logged in |"), 1),
        (text.replace("`user_deleted`", "`user_removed`"), 2),
    ] {
        assert_ne!(changed, text);
        assert_eq!(wrong_kinds(&Page::seeded(&changed), &audit_kinds()).len(), wrong);
    }
}

#[test]
fn every_command_has_a_row() {
    assert_none(&wrong_commands(&Page::read(Path::new("docs/reference/command-line.md")), &commands()));
}

#[test]
fn an_undocumented_command_and_an_unknown_one_are_found() {
    let text = Page::read(Path::new("docs/reference/command-line.md")).text;
    for changed in [
        text.replace("| `routes` |", "| routes |"),
        text.replace("| `routes` |", "| `routes` |\n| `paths` |"),
    ] {
        assert_ne!(changed, text);
        assert_eq!(wrong_commands(&Page::seeded(&changed), &commands()).len(), 1);
    }
}

#[test]
fn every_setting_has_a_row_with_the_effect_of_a_wrong_value() {
    assert_none(&wrong_settings(&Page::read(Path::new("docs/operations.md"))));
}

#[test]
fn an_undocumented_setting_and_an_unknown_one_are_found() {
    let text = Page::read(Path::new("docs/operations.md")).text;
    let row = "| `JWT_SECRET_KEY` |";
    assert!(text.contains(row));
    for (changed, wrong) in [
        (text.replace(row, "| the key |"), "JWT_SECRET_KEY: add to the table of"),
        (text.replace(row, &format!("{row} twice |\n{row}")), "JWT_SECRET_KEY: leave one of its rows"),
        (text.replace(row, &format!("| `NO_SETTING` | nothing |\n{row}")), "NO_SETTING: remove its row"),
    ] {
        let found = wrong_settings(&Page::seeded(&changed));
        assert!(found.len() == 1 && found[0].starts_with(wrong), "{found:?}");
    }
}
