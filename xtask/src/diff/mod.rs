//! What a client notices between two documents, and whether it breaks.
//!
//! The comparison is total: it takes away what it has a rule for, and calls every other difference
//! breaking. Text for people (descriptions, examples, links) is not compared.

mod operations;
mod parts;
mod report;
mod schemas;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

pub use self::report::{changelog, section};

/// One difference that a client may notice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentChange {
    /// Whether a client generated from the old document can fail with the new one.
    pub breaking: bool,
    /// Where it is, such as `users_list, response 200` or `User, /email`.
    pub place: String,
    /// What changed, as a sentence without its full stop.
    pub sentence: String,
}

/// The text by which a waiver names the change.
impl fmt::Display for DocumentChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.sentence)
    }
}

/// The version that a document names; empty where it names none.
pub fn version(document: &Value) -> &str {
    document["info"]["version"].as_str().unwrap_or_default()
}

/// All changes, the breaking ones first.
pub fn compare(old: &Value, new: &Value) -> Vec<DocumentChange> {
    let mut comparison = Comparison { old, new, found: BTreeSet::new() };
    comparison.root();
    comparison.operations();
    comparison.schemas();
    let (breaking, compatible) =
        comparison.found.into_iter().partition::<Vec<_>, _>(|change| change.breaking);
    [breaking, compatible].concat()
}

/// The two documents, and the changes found so far.
struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: BTreeSet<DocumentChange>,
}

/// One part in both documents.
type Pair<'a> = (&'a Value, &'a Value);

const NOTHING: &Value = &Value::Null;

impl Comparison<'_> {
    fn breaking(&mut self, place: &str, sentence: impl Into<String>) {
        self.note(true, place, sentence);
    }

    fn compatible(&mut self, place: &str, sentence: impl Into<String>) {
        self.note(false, place, sentence);
    }

    fn note(&mut self, breaking: bool, place: &str, sentence: impl Into<String>) {
        self.found.insert(DocumentChange { breaking, place: place.to_owned(), sentence: sentence.into() });
    }

    /// Any difference outside the `known` keywords is breaking, because no rule says that it is
    /// not.
    fn rest(&mut self, place: &str, (old, new): Pair<'_>, known: &[&str]) {
        for name in names(old, new).filter(|name| !known.contains(&name.as_str())) {
            if old.get(&name) != new.get(&name) {
                self.breaking(place, format!("`{name}` changed, and no rule says what that means"));
            }
        }
    }

    fn root(&mut self) {
        let pair = (self.old, self.new);
        let known = [
            "openapi",
            "info",
            "tags",
            "paths",
            "webhooks",
            "components",
            "externalDocs",
            "servers",
            "security",
        ];
        self.rest("document", pair, &known);
        for (key, sentence) in
            [("servers", "the servers changed"), ("security", "the security of all operations changed")]
        {
            if pair.0.get(key) != pair.1.get(key) {
                self.breaking("document", sentence);
            }
        }
        let components = (at(pair.0, "components"), at(pair.1, "components"));
        // Headers, parameters and responses are compared where they are used.
        let known = ["schemas", "headers", "parameters", "responses", "securitySchemes", "examples", "links"];
        self.rest("components", components, &known);
        if security_schemes(components.0) != security_schemes(components.1) {
            self.breaking("components", "the security schemes changed");
        }
    }
}

/// The security schemes without their descriptions.
fn security_schemes(components: &Value) -> Value {
    let mut schemes = at(components, "securitySchemes").clone();
    let objects = schemes.as_object_mut().into_iter().flat_map(|schemes| schemes.values_mut());
    for scheme in objects.filter_map(Value::as_object_mut) {
        scheme.shift_remove("description");
    }
    schemes
}

/// The member of an object, or null.
fn at<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(NOTHING)
}

/// The names of both objects, each once.
fn names(old: &Value, new: &Value) -> impl Iterator<Item = String> + use<> {
    let names: BTreeSet<String> = [old, new]
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(|object| object.keys().cloned())
        .collect();
    names.into_iter()
}

/// What a reference leads to, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}
