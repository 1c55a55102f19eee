//! What the root manifest says about the app, so that no command repeats its name.

use std::path::Path;
use std::{fs, io};

/// The name of the package in the root manifest.
pub fn name(root: &Path) -> io::Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let name = package_value(&manifest, "name").map(str::to_owned);
    name.ok_or_else(|| io::Error::other("Cargo.toml has no package with a name"))
}

/// The path of the app's OpenAPI document, from the root.
pub fn document(name: &str) -> String {
    format!("openapi/{name}.json")
}

/// The lines of one section of a manifest.
pub fn section<'a>(manifest: &'a str, header: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = manifest.lines().skip_while(move |line| line.trim() != header).skip(1);
    lines.take_while(|line| !line.starts_with('['))
}

/// A text of the section `[package]`.
fn package_value<'a>(manifest: &'a str, key: &'a str) -> Option<&'a str> {
    section(manifest, "[package]").find_map(|line| quoted(line, key))
}

/// The text of a line `key = "text"`.
pub fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?;
    value.trim().strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_package_and_of_no_other_section() {
        let manifest =
            "[workspace.package]\nname = \"a\"\n\n[package]\nname = \"b\"\n\n[lib]\nname = \"c\"\n";
        assert_eq!(package_value(manifest, "name"), Some("b"));
        assert_eq!(package_value(manifest, "version"), None);
    }
}
