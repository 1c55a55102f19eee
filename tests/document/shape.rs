//! What generators can make types and functions of.

use serde_json::{Value, json};

use crate::document::reading::{items, members, operations, parts};

/// Only these two mean the same to every generator.
const INTEGERS: [&str; 2] = ["int32", "int64"];

const ERROR_SCHEMA: &str = "#/components/schemas/ErrorBody";

/// Header names that are not written in `Train-Case`.
const SPELLINGS: [&str; 5] =
    ["ETag", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "WWW-Authenticate"];

pub fn signed_integers(document: &Value) -> Vec<String> {
    let integers = parts(document).into_iter().filter(|part| {
        let kind = &part.value["type"];
        kind == "integer" || items(kind).any(|kind| kind == "integer")
    });
    let formats = integers.map(|part| (part.place, part.value["format"].as_str().unwrap_or("none")));
    let odd = formats.filter(|(_, format)| !INTEGERS.contains(format));
    odd.map(|(place, format)| format!("{place}: an integer of the format `{format}`")).collect()
}

pub fn one_error_schema(document: &Value) -> Vec<String> {
    let operations = operations(document);
    let errors = operations.iter().flat_map(|operation| {
        operation.responses(&['4', '5']).map(move |(status, response)| (operation.id, status, response))
    });
    let odd = errors.filter(|(_, _, response)| {
        let mut contents = members(&response["content"]);
        let media_type = contents.next();
        contents.next().is_some()
            || media_type.is_none_or(|(name, media)| {
                name != "application/json" || media["schema"] != json!({ "$ref": ERROR_SCHEMA })
            })
    });
    odd.map(|(id, status, _)| format!("{id} {status}: not exactly an ErrorBody")).collect()
}

/// A function of a client returns one type.
pub fn one_success_body(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for operation in operations(document) {
        let successes = operation.responses(&['2']).count();
        let bodies =
            operation.responses(&['2']).flat_map(|(_, response)| members(&response["content"])).count();
        if successes != 1 || bodies > 1 {
            problems.push(format!("{}: {successes} successes with {bodies} bodies", operation.id));
        }
    }
    problems
}

/// One server for all, relative to where the document was found, so that it is right wherever the
/// service runs.
pub fn one_server(document: &Value) -> Vec<String> {
    let elsewhere = parts(document).into_iter().filter(|part| !part.value["servers"].is_null());
    let elsewhere =
        elsewhere.filter(|part| !part.place.is_empty()).map(|part| format!("{}: own servers", part.place));
    let servers = items(&document["servers"]).filter_map(|server| server["url"].as_str()).collect::<Vec<_>>();
    let root = (servers != ["/"]).then(|| format!("the servers are {servers:?}"));
    elsewhere.chain(root).collect()
}

pub fn header_spelling(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for part in parts(document) {
        let headers = &part.value["headers"];
        let parameter = part.value["in"] == "header";
        let parameter = parameter.then(|| part.value["name"].as_str().unwrap_or_default());
        let names = members(headers).map(|(name, _)| name).chain(parameter);
        let odd = names.filter(|name| *name != spelled(name));
        problems.extend(odd.map(|name| format!("{}: {name} is spelled {}", part.place, spelled(name))));
    }
    problems
}

fn spelled(name: &str) -> String {
    if let Some(known) = SPELLINGS.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return (*known).to_owned();
    }
    let word = |word: &str| {
        let mut word = word.to_ascii_lowercase();
        word.get_mut(..1).map(str::make_ascii_uppercase);
        word
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
