//! The plans to add and to remove a resource.

use std::path::Path;

use super::edit::Edit;
use super::format;
use super::plan::{Change, Plan};
use crate::error::Error;
use crate::tree::Tree;

/// What a resource consists of in a tree.
pub struct Parts {
    /// Files of its own: paths and texts.
    pub files: Vec<(String, String)>,
    /// Insertions into files that exist, in order.
    pub edits: Edits,
}

/// Insertions by the path of their file.
pub type Edits = Vec<(String, Vec<Edit>)>;

impl Parts {
    /// The insertions that differ between a resource and the same one with another field, by path.
    pub fn differing(old: Edits, new: Edits) -> Vec<(String, Vec<(Edit, Edit)>)> {
        let pairs = old.into_iter().zip(new).map(|((path, old), (_, new))| {
            let pairs = old.into_iter().zip(new).filter(|(old, new)| old != new);
            (path, pairs.collect::<Vec<_>>())
        });
        pairs.filter(|(_, pairs)| !pairs.is_empty()).collect()
    }

    /// The plan to add the resource.
    ///
    /// # Errors
    /// When a file is there already, or a place for an insertion is not: nothing can be written then.
    pub fn add(self, root: &Path) -> Result<Plan, Error> {
        Ok(Plan::new(root, self.add_to(root)?))
    }

    /// The changes that add the files and the insertions.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_to(self, root: &Path) -> Result<Vec<Change>, Error> {
        let tree = Tree::at(root);
        let mut changes = Vec::new();
        for (path, text) in self.files {
            if root.join(&path).exists() {
                return Err(Error::Refused(format!("{path} is there already")));
            }
            changes.push(Change { after: Some(format::file(root, &path, text)?), path, before: None });
        }
        for (path, edits) in self.edits {
            let before = text_of(root, &tree, &path)?;
            let mut after = before.clone();
            for edit in edits {
                after = edit.apply(&after).map_err(|missing| {
                    Error::Refused(format!(
                        "{path} was expected to have {missing}: put it back, or make this change by hand"
                    ))
                })?;
            }
            changes.push(Change {
                after: Some(format::file(root, &path, after)?),
                path,
                before: Some(before),
            });
        }
        Ok(changes)
    }

    /// The plan to remove the resource.
    ///
    /// # Errors
    /// When one of its files, or a line of its in another file, is not as it was made: names them all.
    pub fn remove(self, root: &Path) -> Result<Plan, Error> {
        let tree = Tree::at(root);
        let (mut changes, mut differing) = (Vec::new(), Vec::new());
        for (path, text) in self.files {
            let found = if root.join(&path).exists() { tree.text(&path)? } else { None };
            if found.as_ref() == Some(&format::file(root, &path, text)?) {
                changes.push(Change { path, before: found, after: None });
            } else {
                differing.push(path);
            }
        }
        for (path, edits) in self.edits {
            let before = text_of(root, &tree, &path)?;
            let mut after = Ok(before.clone());
            for edit in edits.iter().rev() {
                let layout = |text: String| Ok::<_, Error>(format::file(root, &path, text)?);
                // Laid out each time: a list that fits in one line again moves the lines below.
                after = after.and_then(|text| layout(edit.undo(&text, layout)?));
            }
            match after {
                Ok(after) => changes.push(Change { path, before: Some(before), after: Some(after) }),
                Err(Error::Refused(missing)) => differing.push(format!("{path}: it lacks {missing}")),
                Err(error) => return Err(error),
            }
        }
        if differing.is_empty() {
            return Ok(Plan::new(root, changes));
        }
        Err(Error::Refused(format!(
            "these files are not as they were made, so they are for you to remove or mend:\n  {}",
            differing.join("\n  ")
        )))
    }
}

fn text_of(root: &Path, tree: &Tree, path: &str) -> Result<String, Error> {
    if !root.join(path).exists() {
        return Err(Error::Refused(format!("{path} is not there, and has to be changed")));
    }
    Ok(tree.text(path)?.unwrap_or_default())
}
