//! Non-test lines of Rust, per folder, against limits.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs, io};

/// The parts of the workspace that have a limit, each a folder, and the limit in lines.
const LIMITS: [(&str, usize); 2] = [("src", 12_700), ("crates", 22_610)];

/// What each resource besides those of the template may add to `src`.
const PER_RESOURCE: usize = 500;

/// The files in `src/api/v1` of the template.
const TEMPLATE_RESOURCES: [&str; 11] = [
    "api_keys.rs",
    "audit_events.rs",
    "auth.rs",
    "health.rs",
    "jobs.rs",
    "jwks.rs",
    "links.rs",
    "mod.rs",
    "sessions.rs",
    "users.rs",
    "webhooks.rs",
];

/// Lines of the folders that hold a part's code.
#[derive(Debug)]
pub struct Report {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    limit: usize,
    /// By the name of the folder: of each crate, or of each module of the application.
    folders: BTreeMap<String, usize>,
}

/// Counts the lines of the workspace at `root`.
///
/// Lines of tests and examples do not count: files `tests.rs` and `*_tests.rs`, folders `tests` and
/// `examples`, and modules under `#[cfg(test)]` as rustfmt indents them.
pub fn report(root: &Path) -> io::Result<Report> {
    let more = PER_RESOURCE * own_resources(root)?;
    let parts = LIMITS.map(|(name, limit)| {
        let limit = if name == "src" { limit + more } else { limit };
        let mut folders = BTreeMap::new();
        for entry in fs::read_dir(root.join(name))? {
            let path = entry?.path();
            let lines = count(&path)?;
            // Files directly in `src` are one row.
            let folder = if path.is_dir() { path.file_name() } else { None };
            let folder =
                folder.map_or_else(|| ".".to_owned(), |folder| folder.to_string_lossy().into_owned());
            *folders.entry(folder).or_default() += lines;
        }
        Ok(Part { name, limit, folders })
    });
    Ok(Report { parts: parts.into_iter().collect::<io::Result<_>>()? })
}

/// How many resources the app has besides those of the template.
fn own_resources(root: &Path) -> io::Result<usize> {
    let folder = root.join("src/api/v1");
    if !folder.exists() {
        return Ok(0);
    }
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    let is_own =
        |name: &&std::ffi::OsString| !TEMPLATE_RESOURCES.iter().any(|known| name.as_os_str() == *known);
    Ok(names.iter().filter(is_own).count())
}

impl Report {
    /// Whether no part is larger than its limit.
    pub fn is_within_limits(&self) -> bool {
        self.parts.iter().all(|part| part.total() <= part.limit)
    }
}

impl Part {
    fn total(&self) -> usize {
        self.folders.values().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            for (folder, lines) in &part.folders {
                writeln!(f, "{lines:>7}  {}/{folder}", part.name)?;
            }
            let (total, limit) = (part.total(), part.limit);
            let verdict = if total > limit { ": OVER" } else { "" };
            writeln!(f, "{total:>7}  {} (limit {limit}{verdict})", part.name)?;
        }
        Ok(())
    }
}

/// The lines of a file, or of everything below a folder.
fn count(path: &Path) -> io::Result<usize> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.is_dir() {
        if ["tests", "examples", "target"].contains(&&*name) {
            return Ok(0);
        }
        return fs::read_dir(path)?.map(|entry| count(&entry?.path())).sum();
    }
    if !name.ends_with(".rs") || name == "tests.rs" || name.ends_with("_tests.rs") {
        return Ok(0);
    }
    Ok(count_text(&fs::read_to_string(path)?))
}

/// The lines of a source text without its modules under `#[cfg(test)]`.
fn count_text(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let (mut counted, mut at) = (0, 0);
    while at < lines.len() {
        let skipped = test_module_length(&lines[at..]);
        counted += usize::from(skipped.is_none());
        at += skipped.unwrap_or(1);
    }
    counted
}

/// How many of the lines are a module under `#[cfg(test)]`, if that is what they begin with.
fn test_module_length(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    let indent = &first[..first.len() - first.trim_start().len()];
    if first.trim() != "#[cfg(test)]" {
        return None;
    }
    let attributes = lines.iter().take_while(|line| line.trim_start().starts_with("#[")).count();
    let module = lines.get(attributes)?.trim_start();
    if !module.trim_start_matches("pub(crate) ").starts_with("mod ") {
        return None;
    }
    if module.ends_with(';') {
        return Some(attributes + 1);
    }
    let end = lines.iter().position(|line| line.strip_prefix(indent) == Some("}"))?;
    Some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn tests_do_not_count() {
        let module =
            "//! A.\n\nfn a() {}\n\n#[cfg(test)]\n#[allow(clippy::x)]\nmod tests {\n    fn b() {\n    }\n}\n";
        assert_eq!(count_text(module), 4);
        assert_eq!(count_text("mod a;\n#[cfg(test)]\nmod tests;\nmod b;\n"), 2);
        assert_eq!(count_text("fn a() {}\n#[cfg(test)]\nfn b() {\n}\nfn c() {}\n"), 5, "no module");
        let root = workspace(&[
            ("src/main.rs", "1\n2\n"),
            ("src/api/tests.rs", "1\n"),
            ("src/api/header_tests.rs", "1\n"),
            ("src/api/mod.rs", "1\n"),
            ("src/api/notes.md", "1\n"),
            ("crates/a/src/lib.rs", "1\n2\n3\n"),
            ("crates/a/tests/b.rs", "1\n"),
        ]);
        let report = report(root.path()).unwrap();
        let [(_, src), (_, crates)] = LIMITS;
        let expected =
            format!("2  src/.\n1  src/api\n3  src (limit {src})\n3  crates/a\n3  crates (limit {crates})\n");
        assert_eq!(report.to_string().replace(' ', ""), expected.replace(' ', ""));
        assert!(report.is_within_limits());
    }

    #[test]
    fn a_resource_of_ones_own_has_room() {
        let root = workspace(&[
            ("src/api/v1/mod.rs", "1\n"),
            ("src/api/v1/orders.rs", "1\n"),
            ("crates/a/src/lib.rs", "1\n"),
        ]);
        let limit = LIMITS[0].1 + PER_RESOURCE;
        assert!(report(root.path()).unwrap().to_string().contains(&format!("src (limit {limit})")));
    }

    #[test]
    fn a_part_that_is_larger_than_its_limit_is_reported() {
        for (index, (name, limit)) in LIMITS.into_iter().enumerate() {
            let (full, over) = ("x\n".repeat(limit), "x\n".repeat(limit + 1));
            let file = format!("{name}/a/lib.rs");
            let other = format!("{}/a/lib.rs", LIMITS[1 - index].0);
            let root = workspace(&[(&file, &full), (&other, "x\n")]);
            assert!(report(root.path()).unwrap().is_within_limits(), "{name}");
            fs::write(root.path().join(&file), over).unwrap();
            let report = report(root.path()).unwrap();
            assert!(!report.is_within_limits(), "{name}");
            assert!(report.to_string().contains(&format!("{name} (limit {limit}: OVER)")), "{report}");
        }
    }
}
