//! The parts of an operation: parameters, the body of its request, and its responses.

use serde_json::Value;

use super::schemas::Usage;
use super::{Comparison, NOTHING, Pair, at, names, resolved};

const ANNOTATIONS: [&str; 3] = ["description", "example", "examples"];

impl Comparison<'_> {
    pub(super) fn parameters(&mut self, operation: &str, (old, new): Pair<'_>) {
        let (old, new) = (parameters(self.old, old), parameters(self.new, new));
        let kept: Vec<_> = old.iter().filter(|(key, _)| new.iter().any(|(now, _)| now == key)).collect();
        for (key, parameter) in &old {
            let place = format!("{operation}, {key}");
            match new.iter().find(|(now, _)| now == key) {
                Some((_, now)) => self.parameter(&place, (parameter, now)),
                None => self.breaking(&place, "the parameter is gone"),
            }
        }
        let order: Vec<_> = new.iter().filter(|(key, _)| kept.iter().any(|(old, _)| old == key)).collect();
        if order.iter().map(|(key, _)| key).ne(kept.iter().map(|(key, _)| key)) {
            self.breaking(
                operation,
                "the parameters are in another order, and so are a function's arguments",
            );
        }
        for (index, (key, parameter)) in new.iter().enumerate() {
            let place = format!("{operation}, {key}");
            if old.iter().any(|(before, _)| before == key) {
                continue;
            }
            let last = new[index..].iter().all(|(later, _)| !old.iter().any(|(before, _)| before == later));
            if at(parameter, "required") == true {
                self.breaking(&place, "a required parameter is new");
            } else if last {
                self.compatible(&place, "an optional parameter is new");
            } else {
                self.breaking(
                    &place,
                    "a new parameter stands before others, which moves a function's arguments",
                );
            }
        }
    }

    fn parameter(&mut self, place: &str, (old, new): Pair<'_>) {
        match (at(old, "required") == true, at(new, "required") == true) {
            (false, true) => self.breaking(place, "the parameter is now required"),
            (true, false) => self.compatible(place, "the parameter is now optional"),
            _ => {}
        }
        self.deprecation(place, (old, new));
        self.schema(place, (at(old, "schema"), at(new, "schema")), Usage::REQUEST);
        self.rest(
            place,
            (old, new),
            &[&ANNOTATIONS[..], &["name", "in", "required", "deprecated", "schema"]].concat(),
        );
    }

    pub(super) fn request(&mut self, operation: &str, usage: Usage, (old, new): Pair<'_>) {
        let place = format!("{operation}, request");
        let old = old.get("requestBody").map(|body| resolved(self.old, body));
        let new = new.get("requestBody").map(|body| resolved(self.new, body));
        match (old, new) {
            (None, None) => {}
            (Some(_), None) => self.breaking(&place, "the body is gone"),
            (None, Some(body)) if at(body, "required") == true => {
                self.breaking(&place, "a body is now required");
            }
            (None, Some(_)) => self.compatible(&place, "there may be a body"),
            (Some(old), Some(new)) => {
                match (at(old, "required") == true, at(new, "required") == true) {
                    (false, true) => self.breaking(&place, "the body is now required"),
                    (true, false) => self.compatible(&place, "the body is now optional"),
                    _ => {}
                }
                self.content(&place, (old, new), usage);
                self.rest(&place, (old, new), &["description", "required", "content"]);
            }
        }
    }

    pub(super) fn responses(&mut self, operation: &str, (old, new): Pair<'_>) {
        let (old, new) = (at(old, "responses"), at(new, "responses"));
        for status in names(old, new) {
            let place = format!("{operation}, response {status}");
            let (before, after) = (old.get(&status), new.get(&status));
            match (before, after) {
                (Some(_), None) => self.breaking(&place, "the status is gone"),
                (None, Some(_)) if status.starts_with('2') => {
                    self.breaking(&place, "a success is answered with another status");
                }
                (None, Some(_)) => self.compatible(&place, "the status is new"),
                (Some(old), Some(new)) => {
                    self.response(&place, (resolved(self.old, old), resolved(self.new, new)));
                }
                (None, None) => {}
            }
        }
    }

    fn response(&mut self, place: &str, (old, new): Pair<'_>) {
        let (before, after) = (at(old, "headers"), at(new, "headers"));
        for name in names(before, after) {
            let place = format!("{place}, header {name}");
            let header = |document, headers: &Value| {
                headers.get(&name).map(|header| resolved(document, header).clone())
            };
            match (header(self.old, before), header(self.new, after)) {
                (Some(_), None) => self.breaking(&place, "the header is gone"),
                (Some(old), Some(new)) => self.header(&place, (&old, &new)),
                (None, _) => self.compatible(&place, "the header is new"),
            }
        }
        self.content(place, (old, new), Usage::RESPONSE);
        self.rest(place, (old, new), &["description", "headers", "content", "links"]);
    }

    fn header(&mut self, place: &str, (old, new): Pair<'_>) {
        match (at(old, "required") == true, at(new, "required") == true) {
            (true, false) => self.breaking(place, "the header may now be absent"),
            (false, true) => self.compatible(place, "the header is now always there"),
            _ => {}
        }
        self.deprecation(place, (old, new));
        self.schema(place, (at(old, "schema"), at(new, "schema")), Usage::RESPONSE);
        self.rest(place, (old, new), &[&ANNOTATIONS[..], &["required", "deprecated", "schema"]].concat());
    }

    fn content(&mut self, place: &str, (old, new): Pair<'_>, used: Usage) {
        let (old, new) = (at(old, "content"), at(new, "content"));
        for media_type in names(old, new) {
            match (old.get(&media_type), new.get(&media_type)) {
                (Some(_), None) => self.breaking(place, format!("`{media_type}` is gone")),
                (None, Some(_)) if used.response => {
                    self.breaking(place, format!("the answer may now be `{media_type}`"));
                }
                (None, _) => self.compatible(place, format!("`{media_type}` is accepted as well")),
                (Some(old), Some(new)) => {
                    self.schema(place, (at(old, "schema"), at(new, "schema")), used);
                    self.rest(place, (old, new), &["schema", "example", "examples"]);
                }
            }
        }
    }

    pub(super) fn deprecation(&mut self, place: &str, (old, new): Pair<'_>) {
        match (at(old, "deprecated") == true, at(new, "deprecated") == true) {
            (false, true) => self.compatible(place, "it is deprecated"),
            (true, false) => self.compatible(place, "it is not deprecated any more"),
            _ => {}
        }
    }
}

/// The parameters in their order, each with its place and name as a key.
fn parameters<'a>(document: &'a Value, operation: &'a Value) -> Vec<(String, &'a Value)> {
    let parameters = at(operation, "parameters").as_array().into_iter().flatten();
    parameters
        .map(|parameter| {
            let parameter = resolved(document, parameter);
            let text = |name| parameter.get(name).unwrap_or(NOTHING).as_str().unwrap_or_default();
            (format!("{} parameter {}", text("in"), text("name")), parameter)
        })
        .collect()
}
