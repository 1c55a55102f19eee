//! Schemas: narrowing a request or widening a response breaks clients.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Comparison, NOTHING, Pair, at, names};
use crate::walk;

const SCHEMAS: &str = "#/components/schemas/";

/// Keywords that constrain nothing.
const ANNOTATIONS: [&str; 6] = ["title", "description", "example", "examples", "externalDocs", "$comment"];

/// Lower bounds, which narrow when they rise.
const LOWER_BOUNDS: [&str; 5] = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
/// Upper bounds, which narrow when they fall.
const UPPER_BOUNDS: [&str; 5] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/// Constraints without an order: any change of one can narrow and widen.
const CONSTRAINTS: [&str; 4] = ["pattern", "multipleOf", "uniqueItems", "const"];

const REST: [&str; 9] =
    ["type", "nullable", "format", "enum", "$ref", "required", "properties", "items", "additionalProperties"];

/// Declares an enum that may grow: clients must expect unknown values.
const EXTENSIBLE: &str = "x-extensible-enum";

/// Whether a schema is used in requests, in responses, or in both.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub request: bool,
    pub response: bool,
}

impl Usage {
    pub const REQUEST: Self = Self { request: true, response: false };
    pub const RESPONSE: Self = Self { request: false, response: true };

    fn with(self, other: Self) -> Self {
        Self { request: self.request || other.request, response: self.response || other.response }
    }
}

impl Comparison<'_> {
    /// The named schemas, each once, for all its usages.
    pub(super) fn schemas(&mut self) {
        let (old, new) = (named(self.old), named(self.new));
        let (before, after) = (uses(self.old), uses(self.new));
        for name in names(old, new) {
            match (old.get(&name), new.get(&name)) {
                (Some(_), None) => {
                    self.breaking(&name, "the schema is gone, and with it the class of a client");
                }
                (None, _) => self.compatible(&name, "the schema is new"),
                (Some(old), Some(new)) => {
                    let used = |uses: &BTreeMap<String, Usage>| uses.get(&name).copied().unwrap_or_default();
                    self.schema(&name, (old, new), used(&before).with(used(&after)));
                }
            }
        }
    }

    /// A schema at its place. A schema that it refers to is compared under its own name.
    pub(super) fn schema(&mut self, place: &str, (old, new): Pair<'_>, used: Usage) {
        if old == new {
            return;
        }
        if at(old, "$ref") != at(new, "$ref") {
            self.breaking(place, format!("the type changed from {} to {}", type_name(old), type_name(new)));
            return;
        }
        self.types(place, (old, new), used);
        self.values(place, (old, new), used);
        self.limits(place, (old, new), used);
        self.fields(place, (old, new), used);
        self.deprecation(place, (old, new));
        if at(old, "default") != at(new, "default") {
            self.note(used.request, place, "the default changed");
        }
        if at(old, "format") != at(new, "format") {
            self.breaking(place, "the format changed");
        }
        for part in ["items", "additionalProperties"] {
            let (before, after) = (at(old, part), at(new, part));
            if before.is_object() && after.is_object() {
                self.schema(&format!("{place}/*"), (before, after), used);
            } else if before != after {
                self.breaking(place, format!("`{part}` changed"));
            }
        }
        let known = [
            &ANNOTATIONS[..],
            &LOWER_BOUNDS,
            &UPPER_BOUNDS,
            &CONSTRAINTS,
            &REST,
            &["default", "deprecated", EXTENSIBLE],
        ]
        .concat();
        self.rest(place, (old, new), &known);
    }

    fn types(&mut self, place: &str, (old, new): Pair<'_>, used: Usage) {
        let (before, after) = (types(old), types(new));
        let sentence = || format!("the type changed from {} to {}", before.join(" or "), after.join(" or "));
        let gone = before.iter().any(|kind| !after.contains(kind));
        let come = after.iter().any(|kind| !before.contains(kind));
        if gone || come {
            self.note((used.request && gone) || (used.response && come), place, sentence());
        }
    }

    fn values(&mut self, place: &str, (old, new): Pair<'_>, used: Usage) {
        let values = |schema| at(schema, "enum").as_array().cloned();
        match (values(old), values(new)) {
            (Some(before), Some(after)) => {
                for value in before.iter().filter(|value| !after.contains(value)) {
                    self.note(used.request, place, format!("the value {value} is gone"));
                }
                let expected = at(old, EXTENSIBLE) == true;
                for value in after.iter().filter(|value| !before.contains(value)) {
                    self.note(used.response && !expected, place, format!("the value {value} is new"));
                }
            }
            (None, Some(_)) => self.note(used.request, place, "only some values are left"),
            (Some(_), None) => self.note(used.response, place, "any value is possible"),
            (None, None) => {}
        }
        if at(old, EXTENSIBLE) == true && at(new, EXTENSIBLE) != true {
            self.compatible(place, "no further values will come");
        } else if at(old, EXTENSIBLE) != at(new, EXTENSIBLE) {
            self.breaking(place, "further values may come");
        }
    }

    fn limits(&mut self, place: &str, (old, new): Pair<'_>, used: Usage) {
        for (limits, sign) in [(LOWER_BOUNDS, 1.0), (UPPER_BOUNDS, -1.0)] {
            for limit in limits.into_iter().filter(|limit| at(old, limit) != at(new, limit)) {
                let bound =
                    |schema| at(schema, limit).as_f64().map_or(f64::NEG_INFINITY, |bound| bound * sign);
                let narrower = bound(new) > bound(old);
                let breaking = if narrower { used.request } else { used.response };
                let shown = |schema| {
                    at(schema, limit).as_f64().map_or("nothing".to_owned(), |bound| bound.to_string())
                };
                self.note(
                    breaking,
                    place,
                    format!("`{limit}` changed from {} to {}", shown(old), shown(new)),
                );
            }
        }
        for rule in CONSTRAINTS.into_iter().filter(|rule| at(old, rule) != at(new, rule)) {
            let (before, after) = (old.get(rule).is_some(), new.get(rule).is_some());
            let breaking = (used.request && after) || (used.response && before);
            self.note(breaking, place, format!("`{rule}` changed"));
        }
    }

    fn fields(&mut self, place: &str, (old, new): Pair<'_>, used: Usage) {
        let required = |schema, name: &str| {
            at(schema, "required")
                .as_array()
                .is_some_and(|names| names.iter().any(|required| required == name))
        };
        let (before, after) = (at(old, "properties"), at(new, "properties"));
        for name in names(before, after) {
            let place = format!("{place}, /{name}");
            match (before.get(&name), after.get(&name)) {
                (Some(_), None) => self.breaking(&place, "the field is gone"),
                (None, _) if required(new, &name) => {
                    self.note(used.request, &place, "a required field is new");
                }
                (None, _) => self.compatible(&place, "an optional field is new"),
                (Some(was), Some(is)) => {
                    match (required(old, &name), required(new, &name)) {
                        (true, false) => self.note(used.response, &place, "the field may now be absent"),
                        (false, true) => self.note(used.request, &place, "the field is now required"),
                        _ => {}
                    }
                    self.schema(&place, (was, is), used);
                }
            }
        }
    }
}

/// The types a schema allows; every type where it names none.
fn types(schema: &Value) -> Vec<String> {
    let mut types: Vec<String> = match at(schema, "type") {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
        _ => vec!["any".to_owned()],
    };
    if at(schema, "nullable") == true {
        types.push("null".to_owned());
    }
    types.sort();
    types
}

fn type_name(schema: &Value) -> String {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => format!("`{}`", reference.trim_start_matches(SCHEMAS)),
        None => types(schema).join(" or "),
    }
}

fn named(document: &Value) -> &Value {
    document.pointer("/components/schemas").unwrap_or(NOTHING)
}

/// Where each named schema is used, through others as well.
fn uses(document: &Value) -> BTreeMap<String, Usage> {
    let mut found = BTreeMap::new();
    for (path, _, operation) in walk::operations(document) {
        let body = if walk::is_webhook(path) { Usage::RESPONSE } else { Usage::REQUEST };
        for (part, used) in
            [("parameters", Usage::REQUEST), ("requestBody", body), ("responses", Usage::RESPONSE)]
        {
            if let Some(part) = operation.get(part) {
                mark(document, part, used, &mut found);
            }
        }
    }
    found
}

fn mark(document: &Value, value: &Value, used: Usage, found: &mut BTreeMap<String, Usage>) {
    match value {
        Value::Object(object) => {
            if let Some(name) =
                at(value, "$ref").as_str().and_then(|reference| reference.strip_prefix(SCHEMAS))
            {
                let known = found.get(name).copied().unwrap_or_default();
                let all = known.with(used);
                if (all.request, all.response) != (known.request, known.response) {
                    found.insert(name.to_owned(), all);
                    mark(document, at(named(document), name), used, found);
                }
            }
            // Data of the API may look like a reference.
            let parts = object
                .iter()
                .filter(|(key, _)| !["example", "examples", "default", "enum"].contains(&key.as_str()));
            parts.for_each(|(_, part)| mark(document, part, used, found));
        }
        Value::Array(items) => items.iter().for_each(|item| mark(document, item, used, found)),
        _ => {}
    }
}
