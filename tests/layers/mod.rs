//! The layers of the app: imports run one way, `api → services → models → domain`.

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer with the modules of the app that it may import, and the crates that it may not.
const LAYERS: [(&str, &[&str], &[&str]); 5] = [
    ("domain", &["domain"], &["poem", "diesel_async", "groundwork_web", "groundwork_database"]),
    ("models", &["db", "domain", "models"], &["poem", "poem_openapi", "groundwork_web", "groundwork_state"]),
    ("services", &["domain", "models", "services"], &["poem", "poem_openapi", "groundwork_web", "diesel"]),
    ("schemas", &["domain", "models", "schemas", "services"], &["poem", "diesel", "groundwork_database"]),
    ("api", &["api", "domain", "errors", "models", "schemas", "services"], &["diesel", "groundwork_state"]),
];

/// The imports in `text` that `layer` must not have.
fn forbidden(layer: &str, text: &str) -> Vec<String> {
    let (_, modules, crates) = LAYERS.iter().find(|(name, ..)| *name == layer).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let paths = code.lines().map(str::trim).filter(|line| !line.starts_with("//")).flat_map(paths);
    paths
        .filter(|path| match path.strip_prefix("crate::") {
            Some(inner) => !modules.contains(&first(inner)),
            None => crates.contains(&first(path)),
        })
        .map(str::to_owned)
        .collect()
}

/// The paths in a line that begin with `crate::` or a crate's name.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).filter(|word| word.contains("::"))
}

fn first(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_layer_imports_a_layer_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for (layer, ..) in LAYERS {
        for file in files(&source.join(layer)) {
            let imports = forbidden(layer, &fs::read_to_string(&file).unwrap());
            found.extend(imports.into_iter().map(|path| format!("{}: {path}", file.display())));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_import_of_a_layer_above_is_found() {
    let found = |layer, text| !forbidden(layer, text).is_empty();
    assert!(found("models", "use crate::services::users::UserService;"));
    assert!(found("services", "use poem::Request;"));
    assert!(found("services", "fn f() { crate::api::documents(\"/\") }"));
    assert!(found("domain", "use groundwork_web::text_schema;"));
    assert!(!found("services", "use crate::models::users;\n// crate::api is above\n"));
    assert!(!found("models", "use diesel::prelude::*;"));
}
