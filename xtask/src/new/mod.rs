//! `cargo xtask new` and `cargo xtask remove`: the files of a resource.

mod clashes;
mod edit;
mod field;
mod files;
mod format;
mod identifier;
mod names;
mod plan;
mod recover;
mod resource;
mod words;

use std::path::Path;

pub use crate::error::Error;
use crate::tree::Tree;
pub use plan::Plan;
pub use resource::{Owner, Resource};

/// The plan to add a resource, whose migrations are of the time `stamp`: `2026-11-27-141500`.
///
/// # Errors
/// When the app has its names already, or is not what the insertions expect.
pub fn add(root: &Path, resource: &Resource, stamp: &str) -> Result<Plan, Error> {
    clashes::check(root, resource)?;
    let _ = stamp;
    files::Parts { files: vec![], edits: vec![] }.add(root)
}

/// The plan to remove a resource.
///
/// # Errors
/// When it is not there, or not as it was made.
pub fn remove(root: &Path, plural: &str) -> Result<Plan, Error> {
    let (_resource, _stamp) = recover::resource(&Tree::at(root), plural)?;
    files::Parts { files: vec![], edits: vec![] }.remove(root)
}
