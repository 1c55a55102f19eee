//! Names: generators turn them into functions, classes, fields and constants, each language in its
//! own style.

use std::collections::HashMap;

use serde_json::Value;

use crate::document::reading::{items, members, operations, parts, texts};

/// Classes of these names are the language's own somewhere.
const RESERVED: [&str; 14] = [
    "Date",
    "Error",
    "Exception",
    "File",
    "Function",
    "List",
    "Map",
    "Object",
    "Option",
    "Request",
    "Response",
    "Result",
    "String",
    "Type",
];

pub fn operation_ids(document: &Value) -> Vec<String> {
    let ids: Vec<_> = operations(document).iter().map(|operation| operation.id).collect();
    let styles = ids.iter().filter(|id| !is_snake_case(id)).map(|id| format!("{id} is not snake_case"));
    styles.chain(collisions("the operation ids", ids.iter().copied())).collect()
}

pub fn schema_names(document: &Value) -> Vec<String> {
    let names = || members(&document["components"]["schemas"]).map(|(name, _)| name);
    let styles = names().filter(|name| !is_pascal_case(name)).map(|name| format!("{name} is not PascalCase"));
    let reserved = names().filter(|name| RESERVED.contains(name)).map(|name| format!("{name} is reserved"));
    let problems = styles.chain(reserved).chain(collisions("the schemas", names()));
    // Some generators make a class of an operation too.
    let operations = operations(document);
    let ids: HashMap<_, _> = operations.iter().map(|operation| (flat(operation.id), operation.id)).collect();
    let of_both = names()
        .filter_map(|name| Some(format!("{name} is a schema, and {} an operation", ids.get(&flat(name))?)));
    problems.chain(of_both).collect()
}

/// Parameters of one operation, properties of one schema, values of one enum.
pub fn inner_names(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for part in parts(document) {
        let parameters = items(&part.value["parameters"]);
        let groups: [(&str, Vec<&str>); 3] = [
            ("the parameters", parameters.filter_map(|parameter| parameter["name"].as_str()).collect()),
            ("the properties", members(&part.value["properties"]).map(|(name, _)| name).collect()),
            ("the values", texts(&part.value["enum"]).collect()),
        ];
        for (group, names) in groups {
            problems.extend(collisions(&format!("{group} of {}", part.place), names.into_iter()));
        }
    }
    problems
}

/// The pairs of names that differ in nothing that every language keeps.
fn collisions<'a>(group: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashMap::new();
    let mut problems = Vec::new();
    for name in names {
        if let Some(other) = seen.insert(flat(name), name) {
            problems.push(format!("{group} {other} and {name} become one name"));
        }
    }
    problems
}

/// What a name keeps in all styles: `users_list`, `usersList`, `UsersList`, `users-list`,
/// `USERS_LIST`.
fn flat(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn is_snake_case(name: &str) -> bool {
    name.split('_').all(|word| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    })
}

/// With one capital a word: `HttpProblem`. Generators disagree on the words of `HTTPProblem`.
fn is_pascal_case(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric())
        && !name.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase))
}
