//! The files of deploy/.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

pub fn read(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every file below deploy/, by its name there.
pub fn all() -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder()];
    while let Some(folder_) = folders.pop() {
        for entry in fs::read_dir(folder_).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                names.push(path.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    names.sort();
    names
}

/// A value in a marked line, and what to put in its place.
pub struct Set<'a> {
    pub marker: &'a str,
    pub old: &'a str,
    pub new: String,
}

/// A file of deploy/ with other values in its lines marked `# set: MARKER`. Every marker has to be
/// there once, with the old value in its line, and none may be left over.
pub fn filled(name: &str, values: &[Set<'_>]) -> String {
    let text = read(name);
    let mut used = 0;
    let mut lines = Vec::new();
    for line in text.lines() {
        let Some((_, marker)) = line.rsplit_once("# set: ") else {
            lines.push(line.to_owned());
            continue;
        };
        let value = values.iter().find(|value| value.marker == marker);
        let value = value.unwrap_or_else(|| panic!("{name}: nobody sets {marker}"));
        assert_eq!(line.matches(value.old).count(), 1, "{name}: {} is not once in: {line}", value.old);
        lines.push(line.replace(value.old, &value.new));
        used += 1;
    }
    assert_eq!(used, values.len(), "{name} lacks a marker, or has one twice");
    lines.join("\n") + "\n"
}

#[test]
fn a_marker_that_is_missing_or_has_another_value_is_found() {
    let set = |marker: &'static str, old: &'static str| Set { marker, old, new: "x".to_owned() };
    let all =
        || vec![set("listen", "8443"), set("certificate", "tls.crt"), set("certificate-key", "tls.key")];
    let refused =
        |values: Vec<Set<'static>>| std::panic::catch_unwind(|| filled("nginx-tls.conf", &values)).is_err();
    assert!(!refused(all()));
    assert!(refused(vec![set("listen", "8443"), set("certificate", "tls.crt")]), "one that nobody sets");
    assert!(refused(all().into_iter().chain([set("nowhere", "x")]).collect()), "one that is not there");
    assert!(
        refused(vec![
            set("listen", "8443"),
            set("certificate", "other.crt"),
            set("certificate-key", "tls.key")
        ]),
        "another value"
    );
}
