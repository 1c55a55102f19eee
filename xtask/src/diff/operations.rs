//! Operations: whether they still exist, under the same name, for the same callers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schemas::Usage;
use super::{Comparison, Pair, at};
use crate::walk;

const KNOWN: [&str; 15] = [
    "operationId",
    "tags",
    "summary",
    "description",
    "externalDocs",
    "deprecated",
    "x-sunset",
    "security",
    "x-required-role",
    "x-allowed-roles",
    "x-required-scope",
    "parameters",
    "requestBody",
    "responses",
    "x-codeSamples",
];

impl Comparison<'_> {
    pub(super) fn operations(&mut self) {
        let (old, new) = (by_place(self.old), by_place(self.new));
        for (place, operation) in &old {
            match new.get(place) {
                Some(now) => self.operation(body_usage(place), (operation, now)),
                None => self.breaking(&name(operation), format!("`{place}` is gone")),
            }
        }
        for (place, operation) in &new {
            if !old.contains_key(place) {
                self.compatible(&name(operation), format!("`{place}` is new"));
            }
        }
    }

    fn operation(&mut self, body: Usage, (old, new): Pair<'_>) {
        let place = &name(old);
        if name(new) != *place {
            self.breaking(place, format!("the operation is now called `{}`", name(new)));
        }
        if at(old, "tags") != at(new, "tags") {
            self.breaking(place, "the tag changed, and with it the class of a client");
        }
        self.lifecycle(place, (old, new));
        self.security(place, (old, new));
        self.parameters(place, (old, new));
        self.request(place, body, (old, new));
        self.responses(place, (old, new));
        self.rest(place, (old, new), &KNOWN);
    }

    fn lifecycle(&mut self, place: &str, (old, new): Pair<'_>) {
        match (at(old, "deprecated") == true, at(new, "deprecated") == true) {
            (false, true) => self.compatible(place, "the operation is deprecated"),
            (true, false) => self.compatible(place, "the operation is not deprecated any more"),
            _ => {}
        }
        if let (_, Some(day)) = (at(old, "x-sunset"), new.get("x-sunset"))
            && old.get("x-sunset") != Some(day)
        {
            self.compatible(place, format!("the operation may be gone from {} on", text(day)));
        }
    }

    fn security(&mut self, place: &str, (old, new): Pair<'_>) {
        let schemes = |operation| at(operation, "security").as_array().cloned().unwrap_or_default();
        let (before, after) = (schemes(old), schemes(new));
        if before.is_empty() && !after.is_empty() {
            self.breaking(place, "a caller must now authenticate");
        } else if !before.is_empty() && after.is_empty() {
            self.compatible(place, "a caller need not authenticate any more");
        } else if before.iter().any(|scheme| !after.contains(scheme)) {
            self.breaking(place, "a way to authenticate is gone");
        } else if before != after {
            self.compatible(place, "there is another way to authenticate");
        }
        self.roles(place, (old, new));
        self.scope(place, (old, new));
    }

    fn roles(&mut self, place: &str, (old, new): Pair<'_>) {
        let names = |roles: &[String]| roles.join("` or `");
        let (before, after) = (roles(old), roles(new));
        match (before.is_empty(), after.is_empty()) {
            (false, true) => self.compatible(place, "a caller needs no role any more"),
            (_, false) if before.is_empty() || before.iter().any(|role| !after.contains(role)) => {
                self.breaking(place, format!("a caller must now be `{}`", names(&after)));
            }
            _ if before != after => {
                self.compatible(place, format!("a caller may now be `{}`", names(&after)));
            }
            _ => {}
        }
    }

    fn scope(&mut self, place: &str, (old, new): Pair<'_>) {
        match (old.get("x-required-scope"), new.get("x-required-scope")) {
            (Some(_), None) => self.breaking(place, "API keys are not accepted any more"),
            (Some(before), Some(after)) if before != after => {
                self.breaking(place, format!("an API key now needs the scope `{}`", text(after)));
            }
            (None, Some(scope)) => {
                self.compatible(place, format!("API keys with the scope `{}` are accepted", text(scope)));
            }
            _ => {}
        }
    }
}

/// The roles of which a caller needs one. Documents of version 1.2 and earlier name one.
fn roles(operation: &Value) -> Vec<String> {
    let role = operation.get("x-required-role").map(text);
    let allowed = at(operation, "x-allowed-roles").as_array().into_iter().flatten().map(text);
    role.into_iter().chain(allowed).collect()
}

/// How a client uses the body of a request: it gets those of webhooks, whose names are no paths.
fn body_usage(place: &str) -> Usage {
    if walk::is_webhook(place.split(' ').nth(1).unwrap_or_default()) {
        Usage::RESPONSE
    } else {
        Usage::REQUEST
    }
}

/// Every operation by its method and path.
fn by_place(document: &Value) -> BTreeMap<String, Value> {
    let operations = walk::operations(document);
    operations
        .map(|(path, method, operation)| {
            (format!("{} {path}", method.to_uppercase()), Value::Object(operation.clone()))
        })
        .collect()
}

fn name(operation: &Value) -> String {
    text(at(operation, "operationId"))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
