//! A Markdown page of the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub struct Page {
    /// From the root.
    pub path: PathBuf,
    pub text: String,
}

impl Page {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        Self { path: path.to_owned(), text }
    }

    pub fn seeded(text: &str) -> Self {
        Self { path: "docs/seeded.md".into(), text: text.to_owned() }
    }

    /// The lines outside of fenced blocks.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            fenced ^= is_fence;
            !fenced && !is_fence
        })
    }

    /// What stands outside of backticks, and what between them.
    pub fn parts(&self) -> [Vec<&str>; 2] {
        let mut parts = [Vec::new(), Vec::new()];
        for line in self.prose() {
            for (number, part) in line.split('`').enumerate() {
                parts[number % 2].push(part);
            }
        }
        parts
    }

    pub fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// The rows of the tables, by their cells, in the chapter with this heading or in all of them.
    pub fn rows(&self, heading: Option<&str>) -> Vec<Vec<&str>> {
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
