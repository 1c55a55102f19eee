//! Names that the app has already.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::format;
use super::resource::Resource;
use crate::error::Error;
use crate::tree::Tree;
use crate::{app, tree};

/// Refuses a resource whose table, module, types, path or schemas are there already.
pub fn check(root: &Path, resource: &Resource) -> Result<(), Error> {
    let names = &resource.names;
    let tree = Tree::at(root);
    let sources: Vec<_> =
        tree.files()?.into_iter().filter(|path| path.starts_with("src/") && format::is_rust(path)).collect();
    let refused = |taken: String| {
        Err(Error::Refused(format!(
            "resource `{plural}`: {taken}; try `customer_{plural}`",
            plural = names.plural
        )))
    };
    if let Some(path) = sources.iter().find(|path| is_module(path, &names.plural)) {
        return refused(format!("{path} is there already"));
    }
    let types = resource.types();
    for path in &sources {
        let text = tree.text(path)?.unwrap_or_default();
        if path == "src/db/schema.rs" && has_table(&text, &names.plural) {
            return refused(format!("{path} has a table of this name"));
        }
        if let Some(taken) = types.iter().find(|name| declares(&text, name)) {
            return refused(format!("{path} declares `{taken}`"));
        }
    }
    match documented(root, &tree, resource)? {
        Some(taken) => refused(taken),
        None => Ok(()),
    }
}

/// A schema or a path of the document that the resource would have, too.
fn documented(root: &Path, tree: &tree::Tree, resource: &Resource) -> io::Result<Option<String>> {
    let path = app::document(&app::name(root)?);
    if !root.join(&path).exists() {
        return Ok(None);
    }
    let document: Value = serde_json::from_str(&tree.text(&path)?.unwrap_or_default())?;
    let schemas = resource.schemas();
    let taken = schemas.iter().find(|name| document["components"]["schemas"].get(name.as_str()).is_some());
    if let Some(name) = taken {
        return Ok(Some(format!("{path} has a schema `{name}`")));
    }
    let end = format!("/{}", resource.names.path);
    let paths = document["paths"].as_object().into_iter().flatten();
    let taken = paths.map(|(path, _)| path).find(|path| path.ends_with(&end));
    Ok(taken.map(|taken| format!("{path} has the path `{taken}`")))
}

fn is_module(path: &str, name: &str) -> bool {
    let folders = ["api/v1", "domain", "models", "schemas", "services"];
    folders.iter().any(|folder| {
        path == format!("src/{folder}/{name}.rs") || path.starts_with(&format!("src/{folder}/{name}/"))
    })
}

fn has_table(schema: &str, name: &str) -> bool {
    schema.lines().any(|line| line.trim().starts_with(&format!("{name} (")))
}

/// Whether a source declares a type of this name.
fn declares(text: &str, name: &str) -> bool {
    let mut words = text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect::<Vec<_>>();
        words.windows(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect::<Vec<_>>()
    });
    let kinds = ["struct", "enum", "type", "trait", "union"];
    words.any(|(kind, word)| kinds.contains(&&*kind) && word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_told_from_a_use() {
        assert!(declares("pub struct UserView {\n", "UserView"));
        assert!(declares("pub(crate) enum Kind {\n", "Kind"));
        assert!(!declares("use a::UserView;\n// struct UserView\nlet a: UserView;\n", "UserView"));
        assert!(!declares("pub struct UserViews;\n", "UserView"));
    }

    #[test]
    fn tables_and_modules_are_found_by_their_whole_names() {
        assert!(has_table("    users (id) {\n", "users"));
        assert!(!has_table("    api_users (id) {\n    user (id) {\n", "users"));
        assert!(is_module("src/models/users.rs", "users") && is_module("src/services/auth/mod.rs", "auth"));
        assert!(!is_module("src/models/users.rs", "user"));
    }
}
