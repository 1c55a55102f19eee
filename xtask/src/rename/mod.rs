//! `cargo xtask rename`: gives a copy of the template the name of a product, or a product another
//! name.

mod context;
mod identity;
mod leftovers;
mod lockfile;
mod name;
mod reset;
mod rewrite;
mod scope;
mod spellings;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::{fmt, io};

pub use crate::error::Error;
pub use name::{AppName, InvalidName};
pub use spellings::Choices;

use identity::Identity;
use reset::Origin;
use rewrite::Renaming;
use spellings::Spellings;

use crate::tree::Tree;

/// What a rename would do to a tree.
pub struct Plan {
    tree: Tree,
    renaming: Renaming,
    is_template: bool,
    changes: Vec<Change>,
}

/// What becomes of one file.
struct Change {
    path: String,
    /// Where it is afterwards; none if it is removed.
    to: Option<String>,
    /// Its new text; none if that stays, or if the file is binary.
    text: Option<String>,
}

impl Plan {
    /// Reads the tree at `root` and works out every change. Nothing is written.
    pub fn new(root: &Path, name: &AppName, choices: &Choices) -> Result<Self, Error> {
        if let Some(problem) = choices.problem() {
            return Err(Error::Refused(problem));
        }
        let identity = Identity::read(root)?;
        let tree = Tree::at(root);
        let (files, old) = (tree.files()?, &identity.spellings);
        let new = old.renamed(name, choices);
        let has_new_name = old.kebab != new.kebab;
        if has_new_name {
            refuse_taken(&tree, &files, &new)?;
        }
        // With another title only, the template stays the template.
        let is_template = identity.is_template() && has_new_name;
        let version = identity.template_version.unwrap_or_default();
        let renaming = Renaming { old: identity.spellings, new, crates: identity.crates };
        let mut plan = Self { tree, renaming, is_template, changes: Vec::new() };
        plan.changes = plan.changes(&files, &version)?;
        Ok(plan)
    }

    fn changes(&self, files: &[String], version: &str) -> io::Result<Vec<Change>> {
        let Renaming { old, new, .. } = &self.renaming;
        let origin = Origin { old, new, version };
        let mut changes = Vec::new();
        if old == new {
            return Ok(changes);
        }
        for path in files {
            if self.is_template && reset::is_removed(path) {
                changes.push(Change { path: path.clone(), to: None, text: None });
                continue;
            }
            let to = if scope::is_renamed(path) { self.renaming.path(path) } else { path.clone() };
            let before = self.tree.text(path)?;
            let after = before.as_deref().map(|text| self.text(path, text, &origin));
            let text = after.filter(|after| Some(after) != before.as_ref());
            if to != *path || text.is_some() {
                changes.push(Change { path: path.clone(), to: Some(to), text });
            }
        }
        Ok(changes)
    }

    fn text(&self, path: &str, text: &str, origin: &Origin<'_>) -> String {
        let mut renamed =
            if scope::is_renamed(path) { self.renaming.text(path, text) } else { text.to_owned() };
        if path.ends_with("Cargo.lock") && renamed != text {
            renamed = lockfile::sorted(&renamed);
        }
        if self.is_template { reset::text(path, renamed, origin) } else { renamed }
    }

    /// Whether the app has this name already.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether the app was the template until now.
    pub fn is_of_the_template(&self) -> bool {
        self.is_template
    }

    /// Makes the changes.
    ///
    /// # Errors
    /// When the tree has changes that are not committed: they could not be told from the rename's.
    pub fn apply(&self) -> Result<(), Error> {
        if self.tree.is_dirty()? {
            let reason =
                "the tree has changes that are not committed (git status); commit or stash them first";
            return Err(Error::Refused(reason.to_owned()));
        }
        for Change { path, to, text } in &self.changes {
            if let Some(text) = text {
                self.tree.write(path, text)?;
            }
            match to {
                None => self.tree.remove(path)?,
                Some(to) if to != path => self.tree.move_file(path, to)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Places that have the old name after [`Self::apply`].
    pub fn leftovers(&self) -> io::Result<Vec<String>> {
        let files = self.tree.files()?;
        leftovers::find(&self.tree, &self.renaming, &files)
    }

    /// What has been chosen or follows from the name, for people.
    pub fn summary(&self) -> String {
        let Spellings { title, java_package, .. } = &self.renaming.new;
        format!("title {title}, Java package {java_package}, npm package {}", self.renaming.new.npm_package())
    }

    /// From which name to which.
    pub fn names(&self) -> [&str; 2] {
        [&self.renaming.old.kebab, &self.renaming.new.kebab]
    }
}

/// One line for each file.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Change { path, to, .. } in &self.changes {
            match to {
                None => writeln!(f, "remove  {path}")?,
                Some(to) if to != path => writeln!(f, "move    {path} -> {to}")?,
                Some(_) => writeln!(f, "change  {path}")?,
            }
        }
        let is_moved = |change: &&Change| change.to.as_ref().is_some_and(|to| *to != change.path);
        let moved = self.changes.iter().filter(is_moved).count();
        writeln!(f, "{} files change; {moved} of them move.", self.changes.len())
    }
}

/// Refuses a name that is a word of the project, which the next rename could not tell from it, or
/// the name of a dependency.
fn refuse_taken(tree: &Tree, files: &[String], new: &Spellings) -> Result<(), Error> {
    let taken = [&*new.kebab, &*new.snake];
    for path in files.iter().filter(|path| scope::is_renamed(path) || path.starts_with("crates/")) {
        let text = tree.text(path)?.unwrap_or_default();
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        if words.any(|word| taken.contains(&word)) {
            let Spellings { kebab, .. } = new;
            let reason = format!(
                "`{kebab}` cannot be the name: {path} uses the word, so the next rename could not tell the two apart; \
                 try `{kebab}-api`"
            );
            return Err(Error::Refused(reason));
        }
    }
    Ok(())
}
