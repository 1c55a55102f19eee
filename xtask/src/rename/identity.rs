//! What the app in a working tree is called now.

use std::path::Path;
use std::{fs, io};

use serde_json::Value;

use super::name::AppName;
use super::spellings::Spellings;
use crate::app;

/// The app, as its manifests and those of its clients call it.
#[derive(Debug)]
pub struct Identity {
    pub spellings: Spellings,
    /// The crates that the app depends on and whose names begin with the app's: those of the
    /// template.
    pub crates: Vec<String>,
    /// The version that the app shares with the crates; none once it has a version of its own.
    pub template_version: Option<String>,
}

impl Identity {
    /// Reads the names; those of clients that are not there are the default ones.
    pub fn read(root: &Path) -> io::Result<Self> {
        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        let name: AppName = app::name(root)?.parse().map_err(io::Error::other)?;
        let mut spellings = Spellings::of(&name);
        if let Some(title) =
            json_text(root, &app::document(name.as_str()), |document| &document["info"]["title"])?
        {
            spellings.title = title;
        }
        if let Some(package) = json_text(root, "clients/typescript/package.json", |package| &package["name"])?
        {
            spellings.npm_scope = package.split_once('/').map(|(scope, _)| scope.to_owned());
        }
        if let Some(group) = optional(root, "clients/java/pom.xml")?.as_deref().and_then(group_id) {
            group.clone_into(&mut spellings.java_package);
        }
        Ok(Self {
            crates: crates(&manifest, name.as_str()),
            template_version: shared_version(&manifest),
            spellings,
        })
    }

    /// Whether this is the template itself, which has its crates' name and version.
    pub fn is_template(&self) -> bool {
        !self.crates.is_empty() && self.template_version.is_some()
    }
}

/// Dependencies in the root manifest whose names begin with the app's.
fn crates(manifest: &str, name: &str) -> Vec<String> {
    let prefix = format!("{name}-");
    let keys =
        app::section(manifest, "[workspace.dependencies]").filter_map(|line| line.split_once([' ', '=']));
    keys.map(|(key, _)| key).filter(|key| key.starts_with(&prefix)).map(str::to_owned).collect()
}

/// The workspace's version, if it is the package's as well.
fn shared_version(manifest: &str) -> Option<String> {
    let mut package = app::section(manifest, "[package]");
    package.find(|line| *line == super::reset::SHARED_VERSION)?;
    let mut workspace = app::section(manifest, "[workspace.package]");
    workspace.find_map(|line| app::quoted(line, "version")).map(str::to_owned)
}

/// The first group in a POM: the package's own.
fn group_id(pom: &str) -> Option<&str> {
    let (_, rest) = pom.split_once("<groupId>")?;
    rest.split_once("</groupId>").map(|(group, _)| group)
}

fn json_text(root: &Path, path: &str, value: fn(&Value) -> &Value) -> io::Result<Option<String>> {
    let Some(text) = optional(root, path)? else { return Ok(None) };
    let json: Value =
        serde_json::from_str(&text).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
    Ok(value(&json).as_str().map(str::to_owned))
}

fn optional(root: &Path, path: &str) -> io::Result<Option<String>> {
    match fs::read_to_string(root.join(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
