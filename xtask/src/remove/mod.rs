//! `cargo xtask remove`: takes out a part of the template that a team does not need.
//!
//! A part is a list of edits of files: what is deleted, and the places elsewhere that name it. Each
//! edit has to fit the tree exactly, and nothing is written unless all of them do.

mod bench;
mod client;
mod edit;
mod replicas;
mod traefik;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, io};

use edit::Edit;

pub use crate::error::Error;
use crate::tree::Tree;

/// A part that can be taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The clients in languages such as `go`: the names of their folders in `clients/`.
    Clients(Vec<String>),
    /// The benchmark, and the build that is trained with it.
    Bench,
    /// The configuration of Traefik and its tests.
    Traefik,
    /// The setting for replicas of PostgreSQL, and what names it.
    Replicas,
}

/// What taking out a part would do to a tree.
pub struct Plan {
    tree: Tree,
    deleted: Vec<String>,
    /// The new text of each file that is changed.
    changed: BTreeMap<String, String>,
}

impl Plan {
    /// Reads the tree at `root` and works out every change. Nothing is written.
    ///
    /// # Errors
    /// When the part is not there, or a place that names it was changed by hand: all such places
    /// are listed.
    pub fn new(root: &Path, part: &Part) -> Result<Self, Error> {
        let tree = Tree::at(root);
        let files = tree.files()?;
        let edits = match part {
            Part::Clients(languages) => client::edits(languages, &files).map_err(Error::Refused)?,
            Part::Bench => bench::edits(),
            Part::Traefik => traefik::edits(),
            Part::Replicas => replicas::edits(),
        };
        let mut plan = Self { tree, deleted: Vec::new(), changed: BTreeMap::new() };
        let mut problems = Vec::new();
        for edit in &edits {
            if let Err(problem) = plan.add(edit, &files)? {
                problems.push(problem);
            }
        }
        if problems.is_empty() {
            return Ok(plan);
        }
        Err(Error::Refused(format!(
            "nothing was removed, because the tree is not as expected:\n  {}",
            problems.join("\n  ")
        )))
    }

    /// Adds an edit; the inner error says why it does not fit.
    fn add(&mut self, edit: &Edit, files: &[String]) -> io::Result<Result<(), String>> {
        let path = match edit {
            Edit::Delete(path) => {
                let folder = format!("{path}/");
                let below = files.iter().filter(|file| *file == path || file.starts_with(&folder));
                let before = self.deleted.len();
                self.deleted.extend(below.cloned());
                let is_there = self.deleted.len() > before;
                return Ok(if is_there { Ok(()) } else { Err(format!("{path} is not there")) });
            }
            Edit::Replace { path, .. } | Edit::Cut { path, .. } => path,
        };
        if !files.contains(path) {
            return Ok(Err(format!("{path} is not there")));
        }
        let text = match self.changed.get(path) {
            Some(text) => text.clone(),
            None => self.tree.text(path)?.unwrap_or_default(),
        };
        Ok(edit.apply(&text).map(|text| {
            self.changed.insert(path.clone(), text);
        }))
    }

    /// Makes the changes.
    ///
    /// # Errors
    /// When the tree has changes that are not committed: they could not be told from these.
    pub fn apply(&self) -> Result<(), Error> {
        if self.tree.is_dirty()? {
            let reason =
                "the tree has changes that are not committed (git status); commit or stash them first";
            return Err(Error::Refused(reason.to_owned()));
        }
        for (path, text) in &self.changed {
            self.tree.write(path, text)?;
        }
        for path in &self.deleted {
            self.tree.remove(path)?;
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for path in &self.deleted {
            writeln!(f, "delete {path}")?;
        }
        for path in self.changed.keys() {
            writeln!(f, "change {path}")?;
        }
        Ok(())
    }
}
