//! Changes of files, worked out before anything is written.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// What becomes of the files of a tree.
#[derive(Debug)]
pub struct Plan {
    root: PathBuf,
    changes: Vec<Change>,
}

/// What becomes of one file. Without a text it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// From the root.
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Plan {
    pub(super) fn new(root: &Path, mut changes: Vec<Change>) -> Self {
        changes.retain(|change| change.before != change.after);
        changes.sort_by(|one, other| one.path.cmp(&other.path));
        Self { root: root.to_owned(), changes }
    }

    /// Makes the changes, and removes the folders that this empties.
    pub fn apply(&self) -> io::Result<()> {
        for Change { path, after, .. } in &self.changes {
            let path = self.root.join(path);
            if let Some(text) = after {
                write(&path, text)?;
                continue;
            }
            fs::remove_file(&path)?;
            // Fails at the first folder that still contains something.
            let mut folders = path.ancestors().skip(1);
            while folders.next().is_some_and(|folder| fs::remove_dir(folder).is_ok()) {}
        }
        Ok(())
    }

    /// The files as a tree, one line each.
    pub fn tree(&self) -> String {
        let (mut tree, mut last) = (String::new(), Vec::new());
        for Change { path, before, after } in &self.changes {
            let parts: Vec<_> = path.split('/').collect();
            let shared = parts.iter().zip(&last).take_while(|(part, last)| part == last).count();
            for (depth, part) in parts.iter().enumerate().skip(shared) {
                let kind = match (depth + 1 == parts.len(), before, after) {
                    (false, ..) => "/",
                    (true, None, _) => "  new",
                    (true, Some(_), None) => "  removed",
                    (true, Some(_), Some(_)) => "",
                };
                // Writing to a string cannot fail.
                let _ = writeln!(tree, "{:indent$}{part}{kind}", "", indent = 2 * depth);
            }
            last = parts;
        }
        tree
    }

    /// The changes as a unified diff.
    ///
    /// # Errors
    /// When git is not there.
    pub fn diff(&self) -> io::Result<String> {
        let folder = tempfile::tempdir()?;
        for side in ["a", "b"] {
            fs::create_dir(folder.path().join(side))?;
        }
        for Change { path, before, after } in &self.changes {
            for (side, text) in [("a", before), ("b", after)] {
                if let Some(text) = text {
                    write(&folder.path().join(side).join(path), text)?;
                }
            }
        }
        let arguments = ["diff", "--no-index", "--no-prefix", "--no-renames", "--no-color", "a", "b"];
        let output = Command::new("git").current_dir(folder.path()).args(arguments).output()?;
        String::from_utf8(output.stdout).map_err(io::Error::other)
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> Change {
        Change { path: path.to_owned(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
    }

    #[test]
    fn a_plan_is_shown_and_then_made() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(&root.join("src/api/mod.rs"), "mod a;\n").unwrap();
        write(&root.join("src/old/x.rs"), "x\n").unwrap();
        let plan = Plan::new(
            root,
            vec![
                change("src/models/notes.rs", None, Some("notes\n")),
                change("src/api/mod.rs", Some("mod a;\n"), Some("mod a;\nmod notes;\n")),
                change("src/old/x.rs", Some("x\n"), None),
                change("src/same.rs", Some("same\n"), Some("same\n")),
            ],
        );
        assert_eq!(
            plan.tree(),
            "src/\n  api/\n    mod.rs\n  models/\n    notes.rs  new\n  old/\n    x.rs  removed\n"
        );
        let diff = plan.diff().unwrap();
        assert!(
            diff.contains(
                "--- a/src/api/mod.rs\n+++ b/src/api/mod.rs\n@@ -1 +1,2 @@\n mod a;\n+mod notes;\n"
            ),
            "{diff}"
        );
        assert!(diff.contains("--- /dev/null\n+++ b/src/models/notes.rs\n"), "{diff}");
        plan.apply().unwrap();
        assert_eq!(fs::read_to_string(root.join("src/models/notes.rs")).unwrap(), "notes\n");
        assert!(!root.join("src/old").exists() && root.join("src/api/mod.rs").exists());
    }
}
