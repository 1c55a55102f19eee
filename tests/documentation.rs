//! The documentation is true: links and named files and tests exist, the book contains every page, every setting, error code
//! and command has its row, and every requirement of the ASVS its verdict.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

const SETTINGS: &str = include_str!("../src/core/settings/table.rs");

/// How many requirements of the ASVS 5.0.0 are of level 1 or 2 in each section; they are its first ones.
const REQUIREMENTS: &[(&str, u32)] = &[
    ("1.1", 2),
    ("1.2", 9),
    ("1.3", 11),
    ("1.4", 3),
    ("1.5", 2),
    ("2.1", 3),
    ("2.2", 3),
    ("2.3", 4),
    ("2.4", 1),
    ("3.2", 2),
    ("3.3", 4),
    ("3.4", 6),
    ("3.5", 5),
    ("3.7", 2),
    ("4.1", 3),
    ("4.2", 1),
    ("4.3", 2),
    ("4.4", 4),
    ("5.1", 1),
    ("5.2", 3),
    ("5.3", 2),
    ("5.4", 3),
    ("6.1", 3),
    ("6.2", 12),
    ("6.3", 4),
    ("6.4", 4),
    ("6.5", 5),
    ("6.6", 3),
    ("6.8", 4),
    ("7.1", 3),
    ("7.2", 4),
    ("7.3", 2),
    ("7.4", 5),
    ("7.5", 2),
    ("7.6", 2),
    ("8.1", 2),
    ("8.2", 3),
    ("8.3", 1),
    ("8.4", 1),
    ("9.1", 3),
    ("9.2", 4),
    ("10.1", 2),
    ("10.2", 2),
    ("10.3", 4),
    ("10.4", 11),
    ("10.5", 5),
    ("10.6", 2),
    ("10.7", 3),
    ("11.1", 2),
    ("11.2", 3),
    ("11.3", 3),
    ("11.4", 4),
    ("11.5", 1),
    ("11.6", 1),
    ("12.1", 3),
    ("12.2", 2),
    ("12.3", 4),
    ("13.1", 1),
    ("13.2", 5),
    ("13.3", 2),
    ("13.4", 5),
    ("14.1", 2),
    ("14.2", 4),
    ("14.3", 3),
    ("15.1", 3),
    ("15.2", 3),
    ("15.3", 7),
    ("16.1", 1),
    ("16.2", 5),
    ("16.3", 4),
    ("16.4", 3),
    ("16.5", 3),
    ("17.1", 1),
    ("17.2", 4),
    ("17.3", 2),
];

/// A path that a page names in backticks begins with one of these.
const FOLDERS: [&str; 11] = [
    "assets",
    "bench",
    "clients",
    "crates",
    "deploy",
    "docs",
    "migrations",
    "openapi",
    "scripts",
    "src",
    "tests",
];

/// Guides whose reader is about to create the files that they name.
const OF_THE_FUTURE: [&str; 2] = ["docs/guides/add-a-resource.md", "docs/guides/change-the-api.md"];

/// Pages outside of the book.
const OTHER_PAGES: [&str; 6] =
    ["README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md", "clients/README.md", "deploy/README.md"];

const README_MAX_LINES: usize = 120;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Page {
    /// From the root.
    path: PathBuf,
    text: String,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        Self { path: path.to_owned(), text }
    }

    fn seeded(text: &str) -> Self {
        Self { path: "docs/seeded.md".into(), text: text.to_owned() }
    }

    /// The lines outside of fenced blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            fenced ^= is_fence;
            !fenced && !is_fence
        })
    }

    /// What stands outside of backticks, and what between them.
    fn parts(&self) -> [Vec<&str>; 2] {
        let mut parts = [Vec::new(), Vec::new()];
        for line in self.prose() {
            for (number, part) in line.split('`').enumerate() {
                parts[number % 2].push(part);
            }
        }
        parts
    }

    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// The rows of the tables, by their cells, in the chapter with this heading or in all of them.
    fn rows(&self, heading: Option<&str>) -> Vec<Vec<&str>> {
        let mut inside = heading.is_none();
        let mut rows = Vec::new();
        for line in self.prose() {
            if line.starts_with("# ") || line.starts_with("## ") {
                inside = heading.is_none_or(|heading| line == heading);
            } else if let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix('|'))
                && inside
            {
                rows.push(cells.split('|').map(str::trim).collect());
            }
        }
        rows
    }
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn pages() -> Vec<Page> {
    let mut paths: Vec<_> = OTHER_PAGES.iter().map(PathBuf::from).collect();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Resolves `.` and `..` in a path from the root.
fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Links that lead to no file, to no heading of it, or from a page of the book out of the book: they would be dead in a
/// browser.
fn broken_links(page: &Page) -> Vec<String> {
    let [text, _] = page.parts();
    // A link's text may be code, so that the link begins in one part and ends in another.
    let targets =
        text.iter().flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split_once(')'));
    let is_broken = |target: &&str| {
        let (path, wanted) =
            target.split_once('#').map_or((*target, None), |(path, anchor)| (path, Some(anchor)));
        let file = if path.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(path) };
        let file = normalized(&file);
        let leaves_the_book = page.path.starts_with("docs") && !file.starts_with("docs");
        let is_page = file.extension().is_some_and(|extension| extension == "md");
        match wanted {
            _ if target.contains("://") => false,
            Some(wanted) if path.is_empty() => !page.anchors().contains(wanted),
            _ if leaves_the_book => true,
            _ if !root().join(&file).exists() => true,
            Some(wanted) => is_page && !Page::read(&file).anchors().contains(wanted),
            None => false,
        }
    };
    let broken = targets.map(|(target, _)| target).filter(is_broken);
    broken.map(|target| format!("{}: {target} leads nowhere", page.path.display())).collect()
}

/// Files and tests that are named and are not there: a path from the root, or `path::name`.
fn missing_files(page: &Page) -> Vec<String> {
    let [_, code] = page.parts();
    let is_path = |span: &&str| {
        let folder = span.split_once('/').map(|(folder, _)| folder);
        folder.is_some_and(|folder| FOLDERS.contains(&folder))
            && span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-:".contains(c))
    };
    let is_missing = |span: &&str| {
        let (path, name) = span.split_once("::").map_or((*span, None), |(path, name)| (path, Some(name)));
        let file = root().join(path);
        match name {
            Some(name) => {
                let code = std::fs::read_to_string(file).unwrap_or_default();
                !code.contains(&format!("fn {name}("))
            }
            None => !file.exists(),
        }
    };
    let missing = code.into_iter().filter(is_path).filter(is_missing);
    missing.map(|span| format!("{}: {span} is not there", page.path.display())).collect()
}

/// Pages of the book that `docs/SUMMARY.md` does not list exactly once.
fn wrong_chapters(summary: &Page, pages: &[Page]) -> Vec<String> {
    let of_the_book = pages.iter().filter_map(|page| page.path.strip_prefix("docs").ok());
    let chapters = of_the_book.filter(|path| *path != Path::new("SUMMARY.md"));
    let listed = |path: &Path| summary.text.matches(&format!("]({})", path.display())).count();
    let wrong = chapters.filter(|path| listed(path) != 1);
    wrong.map(|path| format!("{}: one page, one line of the summary", path.display())).collect()
}

/// The codes of the document, each with its status, as `(400, "malformed_request")`.
fn error_codes() -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(root().join("openapi/groundwork.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let description = document["components"]["schemas"]["ErrorCode"]["description"].as_str().unwrap().to_owned();
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
    let without_row = settings.iter().filter(|name| rows.iter().filter(|row| row == name).count() != 1);
    let without_setting = rows.iter().filter(|row| !settings.contains(*row));
    without_row.chain(without_setting).map(|name| format!("{name}: one setting, one row")).collect()
}

/// Requirements that have no verdict or two, verdicts that there are not, and a wrong count of them.
fn wrong_verdicts(page: &Page) -> Vec<String> {
    let mut problems = Vec::new();
    let mut missing: BTreeSet<_> = REQUIREMENTS
        .iter()
        .flat_map(|(section, last)| (1..=*last).map(move |n| format!("{section}.{n}")))
        .collect();
    let all = missing.len();
    let mut counts: BTreeMap<_, usize> =
        ["test", "file", "n/a", "operator", "not met"].map(|verdict| (verdict, 0)).into();
    for row in page.rows(None) {
        let [numbers, _, _, verdict, why] = row[..] else { continue };
        if !numbers.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        if why.is_empty() || (verdict == "test" && !why.contains("::")) {
            problems.push(format!("{numbers}: nothing shows it"));
        }
        for number in numbers.split(", ").flat_map(range) {
            match counts.get_mut(verdict) {
                Some(count) if missing.remove(&number) => *count += 1,
                _ => problems.push(format!("{number}: {verdict} is one verdict too many or none")),
            }
        }
    }
    problems.extend(missing.into_iter().map(|number| format!("{number} is missing")));
    let of = |verdict| format!("{} {verdict}", counts[verdict]);
    let tally = ["test", "file", "n/a", "operator", "not met"].map(of).join(", ");
    let tally = format!("Of {all}: {tally}.");
    if !page.text.contains(&tally) {
        problems.push(tally);
    }
    problems
}

/// `1.2.6–1.2.8` as its numbers.
fn range(text: &str) -> Vec<String> {
    let (first, last) = text.split_once('–').unwrap_or((text, text));
    let parts = |number: &str| {
        let (section, place) = number.rsplit_once('.').unwrap();
        (section.to_owned(), place.parse::<u32>().unwrap())
    };
    let ((section, first), (_, last)) = (parts(first), parts(last));
    (first..=last).map(|place| format!("{section}.{place}")).collect()
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 20);
    assert_none(&pages.iter().flat_map(broken_links).collect::<Vec<_>>());
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let good = "# A heading, `code`\n[a](README.md) [b](faults.md) [c](#a-heading-code) [d](https://example.com/#x)\n\
        [`e`](operations.md#roll-out) `[f](nowhere.md)`\n```\n[g](nowhere.md)\n```\n";
    assert_none(&broken_links(&Page::seeded(good)));
    let bad = ["[a](nowhere.md)", "[b](#nowhere)", "[`c`](operations.md#nowhere)", "[d](../README.md)"];
    for link in bad {
        assert_eq!(broken_links(&Page::seeded(&format!("# A heading\n| {link} |"))).len(), 1, "{link}");
    }
}

#[test]
fn every_file_and_test_that_is_named_is_there() {
    let of_today = |page: &&Page| !OF_THE_FUTURE.iter().any(|path| page.path == Path::new(path));
    assert_none(&pages().iter().filter(of_today).flat_map(missing_files).collect::<Vec<_>>());
}

#[test]
fn a_file_or_test_that_is_named_and_not_there_is_seen() {
    let good = "`tests/faults` `tests/documentation.rs::a_file_or_test_that_is_named_and_not_there_is_seen` `tests of all`";
    assert_none(&missing_files(&Page::seeded(good)));
    for span in [
        "tests/nowhere.rs",
        "deploy/nowhere",
        "tests/nowhere.rs::every_link_leads_somewhere",
        "tests/documentation.rs::nothing_of_the_kind",
        "src/lib.rs::nothing_of_the_kind",
    ] {
        assert_eq!(missing_files(&Page::seeded(&format!("A `{span}`."))).len(), 1, "{span}");
    }
}

#[test]
fn the_image_and_ci_build_with_the_pinned_compiler() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let toolchain = read("rust-toolchain.toml");
    let (_, rest) = toolchain.split_once("channel = \"").unwrap();
    let (version, _) = rest.split_once('"').unwrap();
    let image = format!("rust:{version}-");
    for path in ["deploy/Dockerfile", ".forgejo/workflows/ci.yml", ".gitlab-ci.yml"] {
        assert!(read(path).contains(&image), "{path}: {image}");
    }
}

#[test]
fn the_readme_is_short() {
    assert!(Page::read(Path::new("README.md")).text.lines().count() <= README_MAX_LINES);
}

#[test]
fn the_book_contains_every_page_once() {
    assert_none(&wrong_chapters(&Page::read(Path::new("docs/SUMMARY.md")), &pages()));
}

#[test]
fn a_page_that_the_book_lacks_or_has_twice_is_seen() {
    let page = [Page::seeded("# Seeded")];
    assert_none(&wrong_chapters(&Page::seeded("- [Seeded](seeded.md)"), &page));
    for summary in ["- [Other](other.md)", "- [Seeded](seeded.md)\n- [Again](seeded.md)"] {
        assert_eq!(wrong_chapters(&Page::seeded(summary), &page).len(), 1, "{summary}");
    }
}

#[test]
fn every_error_code_has_a_row_with_its_status() {
    assert_none(&wrong_codes(&Page::read(Path::new("docs/reference/errors.md")), &error_codes()));
}

#[test]
fn a_code_without_a_row_and_one_with_another_status_are_seen() {
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
fn every_command_has_a_row() {
    assert_none(&wrong_commands(&Page::read(Path::new("docs/reference/command-line.md")), &commands()));
}

#[test]
fn a_command_without_a_row_and_a_row_without_a_command_are_seen() {
    let text = Page::read(Path::new("docs/reference/command-line.md")).text;
    for changed in [text.replace("| `routes` |", "| routes |"), text.replace("| `routes` |", "| `routes` |\n| `paths` |")] {
        assert_ne!(changed, text);
        assert_eq!(wrong_commands(&Page::seeded(&changed), &commands()).len(), 1);
    }
}

#[test]
fn every_setting_has_a_row_that_says_what_it_does_when_it_is_wrong() {
    assert_none(&wrong_settings(&Page::read(Path::new("docs/operations.md"))));
}

#[test]
fn a_setting_without_a_row_and_a_row_without_a_setting_are_seen() {
    let text = Page::read(Path::new("docs/operations.md")).text;
    let row = "| `JWT_SECRET_KEY` |";
    assert!(text.contains(row));
    for (changed, wrong) in [
        (text.replace(row, "| the key |"), "JWT_SECRET_KEY"),
        (text.replace(row, &format!("{row} twice |\n{row}")), "JWT_SECRET_KEY"),
        (text.replace(row, &format!("| `NO_SETTING` | nothing |\n{row}")), "NO_SETTING"),
    ] {
        assert_eq!(wrong_settings(&Page::seeded(&changed)), [format!("{wrong}: one setting, one row")]);
    }
}

#[test]
fn every_requirement_has_a_verdict_and_they_are_counted() {
    assert_none(&wrong_verdicts(&Page::read(Path::new("docs/asvs.md"))));
}

#[test]
fn a_requirement_without_a_verdict_and_a_wrong_count_are_seen() {
    let text = Page::read(Path::new("docs/asvs.md")).text;
    let without = text.lines().filter(|line| !line.starts_with("| 6.2.9 ")).collect::<Vec<_>>().join("\n");
    let row = text.lines().find(|line| line.starts_with("| 6.2.9 ")).unwrap();
    for (changed, wrong) in [
        (without, "6.2.9 is missing"),
        (text.replace(row, &format!("{row}\n{row}")), "6.2.9: not met is one verdict too many or none"),
        (
            text.replace(row, &row.replace("| not met |", "| perhaps |")),
            "6.2.9: perhaps is one verdict too many or none",
        ),
        (text.replace(row, &row.replace("| not met |", "| test |")), "6.2.9: nothing shows it"),
        (text.replace(" not met.", " met."), "not met."),
    ] {
        assert_ne!(changed, text);
        let problems = wrong_verdicts(&Page::seeded(&changed));
        assert!(problems.iter().any(|problem| problem.ends_with(wrong)), "{wrong}: {problems:?}");
    }
}
