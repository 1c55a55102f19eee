//! What a schema allows, in a few words.

use serde_json::Value;

use super::markup::{code, each, escape, line, table};

/// Where the document keeps what a schema refers to.
const SCHEMAS: &str = "#/components/schemas/";

/// The text under `key`; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The members of the object under `key`.
pub(super) fn members<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let members = value.get(key).and_then(Value::as_object).into_iter().flatten();
    members.map(|(name, member)| (name.as_str(), member))
}

/// The members of the array under `key`.
pub(super) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// What `value` refers to, or `value` itself.
pub(super) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = text(value, "$ref").strip_prefix('#').filter(|pointer| !pointer.is_empty());
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// The type; a named schema is a link to its section.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = text(schema, "$ref").strip_prefix(SCHEMAS) {
        let name = escape(name);
        return format!("<a href=\"#{name}\"><code>{name}</code></a>");
    }
    for (key, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        let kinds: Vec<_> = items(schema, key).map(kind).collect();
        if !kinds.is_empty() {
            return kinds.join(word);
        }
    }
    let types: Vec<_> = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(name)) => vec![name],
        _ => vec!["any"],
    };
    let mut kind = escape(&types.join(" or "));
    if let Some(items) = schema.get("items") {
        kind = format!("{kind} of {}", self::kind(items));
    }
    match text(schema, "format") {
        "" => kind,
        format => format!("{kind} <small>{}</small>", escape(format)),
    }
}

/// The rules a value must keep, its default and an example.
pub(super) fn rules(schema: &Value) -> String {
    let mut rules = Vec::new();
    if schema.get("deprecated") == Some(&Value::Bool(true)) {
        rules.push("deprecated".to_owned());
    }
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " fields"),
    ] {
        match (schema.get(least), schema.get(most)) {
            (Some(least), Some(most)) => rules.push(format!("{least}–{most}{unit}")),
            (Some(least), None) => rules.push(format!("at least {least}{unit}")),
            (None, Some(most)) => rules.push(format!("at most {most}{unit}")),
            (None, None) => {}
        }
    }
    for (key, words) in [
        ("exclusiveMinimum", "more than"),
        ("exclusiveMaximum", "less than"),
        ("multipleOf", "a multiple of"),
        ("pattern", "matches"),
        ("const", "always"),
        ("default", "default"),
    ] {
        rules.extend(schema.get(key).map(|value| format!("{words} {}", literal(value))));
    }
    let choices: Vec<_> = items(schema, "enum").map(literal).collect();
    if !choices.is_empty() {
        rules.push(format!("one of {}", choices.join(", ")));
    }
    if schema.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false)) {
        rules.push("further fields may follow".to_owned());
    }
    rules.extend(
        items(schema, "examples")
            .next()
            .filter(|value| !value.is_object())
            .map(|value| format!("for example {}", literal(value))),
    );
    each(rules, |rule| format!("<span class=\"rule\">{rule}</span> "))
}

/// A value as it is written in JSON, a text without its quotes.
fn literal(value: &Value) -> String {
    code(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The fields of an object; nothing for any other schema.
pub(super) fn fields(document: &Value, schema: &Value, label: &str) -> String {
    let rows = members(schema, "properties").map(|(name, field)| {
        let required = items(schema, "required").any(|required| required == name);
        [
            code(name),
            kind(field),
            if required { "required" } else { "optional" }.to_owned(),
            rules(field),
            line(field_description(document, field)),
        ]
    });
    table(label, ["Field", "Type", "Presence", "Rules", "Description"], rows)
}

/// A field without a description of its own has the first paragraph of its schema's.
fn field_description<'a>(document: &'a Value, field: &'a Value) -> &'a str {
    match text(field, "description") {
        "" => {
            let described = text(resolved(document, field), "description");
            described.split("\n\n").next().unwrap_or_default().trim_end_matches(':')
        }
        own => own,
    }
}
