//! The current document breaks no client of the released one, unless a waiver allows it.

mod seeds;
mod waivers;

use std::fs;
use std::path::Path;

use serde_json::Value;
use xtask::diff::{changelog, compare};

use waivers::{Waiver, judge};

fn read(path: &Path) -> Value {
    serde_json::from_str(
        &fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
    .unwrap()
}

fn version(document: &Value) -> Vec<u64> {
    document["info"]["version"].as_str().unwrap().split('.').map(|number| number.parse().unwrap()).collect()
}

fn present() -> Value {
    read(Path::new("openapi/groundwork.json"))
}

/// The released documents in the order of their versions; none before the first release.
fn released() -> Vec<Value> {
    let mut documents: Vec<_> = fs::read_dir("openapi/released")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let document = read(&path);
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert_eq!(
                document["info"]["version"],
                name.as_str(),
                "a released document is named by its version"
            );
            document
        })
        .collect();
    documents.sort_by_key(version);
    documents
}

#[test]
fn no_client_of_the_released_document_breaks() {
    let (present, released) = (present(), released());
    let waivers: Vec<Waiver> =
        serde_json::from_value(read(Path::new("openapi/waivers.json"))).expect("waivers");
    let changes = released.last().map_or_else(Vec::new, |newest| {
        assert!(version(newest) <= version(&present), "the present version is older than a released one");
        compare(newest, &present)
    });
    let problems = judge(&changes, &waivers, present["info"]["version"].as_str().unwrap());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_released_document_never_changes() {
    // The document of a released version may differ in words for people only.
    let present = present();
    for document in released().iter().filter(|document| version(document) == version(&present)) {
        let changes = compare(document, &present);
        assert!(changes.is_empty(), "the version is released, and this changed: {changes:?}");
    }
}

#[test]
fn the_changelog_of_the_api_is_current() {
    let text = fs::read_to_string("openapi/CHANGELOG.md").unwrap();
    let is_current = text == changelog(released(), &present());
    assert!(
        is_current,
        "openapi/CHANGELOG.md lacks changes of openapi/; run `cargo xtask openapi changelog`"
    );
}
