//! `cargo xtask new` and `cargo xtask remove`: the files of a resource.

mod add_field;
mod clashes;
mod columns;
mod edit;
mod field;
mod field_view;
mod files;
mod format;
mod identifier;
mod imports;
mod merge;
mod names;
mod parts;
mod plan;
mod prose;
mod recover;
mod render;
mod resource;
mod samples;
mod test_cases;
mod user_field;
mod view;
mod words;

use std::path::Path;

pub use crate::error::Error;
use crate::tree::Tree;
pub use add_field::plan as add_field;
pub use plan::Plan;
pub use resource::{Owner, Resource};

/// The plan to add a resource, whose migrations are of the time `stamp`: `2026-11-27-141500`.
///
/// # Errors
/// When the app has its names already, or is not what the insertions expect.
pub fn add(root: &Path, resource: &Resource, stamp: &str) -> Result<Plan, Error> {
    clashes::check(root, resource)?;
    parts::of(resource, stamp)?.add(root)
}

/// The plan to remove a resource.
///
/// # Errors
/// When it is not there, or not as it was made.
pub fn remove(root: &Path, plural: &str) -> Result<Plan, Error> {
    let (resource, stamp) = recover::resource(&Tree::at(root), plural)?;
    let later = resource.later_fields().join(", ");
    if !later.is_empty() {
        return Err(Error::Refused(format!(
            "resource `{plural}`: it has fields that were added later ({later}); undo those commits first (git \
             revert), or remove the resource by hand: git grep -i {}",
            resource.names.singular
        )));
    }
    parts::of(&resource, &stamp)?.remove(root)
}
