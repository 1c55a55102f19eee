//! Where the old name still stands after a rename.

use std::io;

use super::rewrite::Renaming;
use super::scope;
use crate::tree::Tree;

/// Places that still have the old name, as `path:line`.
///
/// Names of the template's crates do not count, and neither does the sentence that says where the
/// product comes from.
pub fn find(tree: &Tree, renaming: &Renaming, files: &[String]) -> io::Result<Vec<String>> {
    let old: Vec<_> = renaming.old.all().iter().map(|spelling| spelling.to_lowercase()).collect();
    let mut places = Vec::new();
    for path in files.iter().filter(|path| scope::is_renamed(path)) {
        if has(&without_known(path, renaming), &old) {
            places.push(path.clone());
        }
        let text = tree.text(path)?.unwrap_or_default();
        for (line, number) in text.lines().zip(1..) {
            let is_origin = path == "README.md" && line.contains(" was made from ");
            if !is_origin && has(&without_known(line, renaming), &old) {
                places.push(format!("{path}:{number}"));
            }
        }
    }
    Ok(places)
}

fn has(text: &str, spellings: &[String]) -> bool {
    let text = text.to_lowercase();
    spellings.iter().any(|spelling| text.contains(spelling))
}

/// The text without names of crates, and without the new name, of which the old one may be a part.
fn without_known(text: &str, renaming: &Renaming) -> String {
    let crates = renaming.crates.iter().flat_map(|name| [name.clone(), name.replace('-', "_")]);
    let all = ["-*", "-…"].map(|rest| renaming.old.kebab.clone() + rest);
    let new = renaming.new.all().map(str::to_owned).into_iter().chain([renaming.new.java_package.clone()]);
    crates.chain(all).chain(new).fold(text.to_owned(), |text, name| text.replace(&name, ""))
}
