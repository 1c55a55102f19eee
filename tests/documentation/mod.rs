//! The documentation is true: links, named files and named tests exist, the book contains every
//! page, every setting, error code and command has its row, and every requirement of the ASVS has
//! its verdict.

mod asvs;
mod metrics;
mod page;
mod tables;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use page::{Page, root};

/// A path that a page names in backticks begins with one of these.
const FOLDERS: &[&str] = &[
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

/// Guides whose reader is about to create or to remove the files that they name.
const OF_OTHER_TREES: [&str; 3] = [
    "docs/guides/add-a-resource.md",
    "docs/guides/change-the-api.md",
    "docs/guides/remove-what-you-do-not-need.md",
];

/// Pages outside of the book.
const OTHER_PAGES: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "bench/README.md",
    "clients/README.md",
    "deploy/README.md",
];

const README_MAX_LINES: usize = 120;

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

/// Links that lead to no file, to no heading of it, or from a page of the book out of the book:
/// they would be dead in a browser.
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

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_link_has_a_target() {
    let pages = pages();
    assert!(pages.len() > 20);
    assert_none(&pages.iter().flat_map(broken_links).collect::<Vec<_>>());
}

#[test]
fn a_broken_link_is_found() {
    let good = "# A heading, `code`\n[a](README.md) [b](faults.md) [c](#a-heading-code) [d](https://example.com/#x)\n\
        [`e`](operations.md#roll-out) `[f](nowhere.md)`\n```\n[g](nowhere.md)\n```\n";
    assert_none(&broken_links(&Page::seeded(good)));
    let bad = ["[a](nowhere.md)", "[b](#nowhere)", "[`c`](operations.md#nowhere)", "[d](../README.md)"];
    for link in bad {
        assert_eq!(broken_links(&Page::seeded(&format!("# A heading\n| {link} |"))).len(), 1, "{link}");
    }
}

#[test]
fn every_named_file_and_test_exists() {
    let of_today = |page: &&Page| !OF_OTHER_TREES.iter().any(|path| page.path == Path::new(path));
    assert_none(&pages().iter().filter(of_today).flat_map(missing_files).collect::<Vec<_>>());
}

#[test]
fn a_named_file_or_test_that_does_not_exist_is_found() {
    let good = "`tests/faults` `tests/documentation/mod.rs::a_named_file_or_test_that_does_not_exist_is_found` `tests of all`";
    assert_none(&missing_files(&Page::seeded(good)));
    for span in [
        "tests/nowhere.rs",
        "deploy/nowhere",
        "tests/nowhere.rs::every_link_has_a_target",
        "tests/documentation/mod.rs::nothing_of_the_kind",
        "src/lib.rs::nothing_of_the_kind",
    ] {
        assert_eq!(missing_files(&Page::seeded(&format!("A `{span}`."))).len(), 1, "{span}");
    }
}

/// Every reason for which `cargo test` ignores a test, without "needs".
fn needs_of_ignored_tests() -> BTreeSet<String> {
    let mut needs = BTreeSet::new();
    let mut folders = vec![root().join("tests"), root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = std::fs::read_to_string(&path).unwrap();
                for line in code.lines().filter(|line| line.trim_start().starts_with("#[ignore")) {
                    let reason = line.split_once("\"needs ").and_then(|(_, rest)| rest.split('"').next());
                    let reason = reason.unwrap_or_else(|| panic!("{}: {line} says no need", path.display()));
                    needs.extend(reason.replace(" and ", ", ").split(", ").map(str::to_owned));
                }
            }
        }
    }
    needs
}

#[test]
fn ignored_tests_name_their_needs_and_one_test_lists_them() {
    let needs: Vec<_> = needs_of_ignored_tests().into_iter().collect();
    assert!(needs.iter().any(|need| need == "PostgreSQL"), "{needs:?}");
    if !std::env::args().any(|argument| argument == "--include-ignored") {
        let line =
            format!("\nleft out: tests that need {}; ./scripts/test includes them\n", needs.join(", "));
        // Not `eprint!`, which the test harness captures.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
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
fn a_page_that_the_book_lacks_or_has_twice_is_found() {
    let page = [Page::seeded("# Seeded")];
    assert_none(&wrong_chapters(&Page::seeded("- [Seeded](seeded.md)"), &page));
    for summary in ["- [Other](other.md)", "- [Seeded](seeded.md)\n- [Again](seeded.md)"] {
        assert_eq!(wrong_chapters(&Page::seeded(summary), &page).len(), 1, "{summary}");
    }
}
