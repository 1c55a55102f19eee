//! References: to something, from something, and alone.

use std::collections::HashSet;

use serde_json::Value;

use crate::document::reading::{Part, items, members, operations, parts};

fn target<'a>(part: &Part<'a>) -> Option<&'a str> {
    part.value["$ref"].as_str()
}

/// 3.0 ignores what stands beside a `$ref`. 3.1 does not, and generators do.
pub fn siblings(document: &Value) -> Vec<String> {
    let decorated =
        parts(document).into_iter().filter(|part| target(part).is_some() && members(part.value).count() > 1);
    decorated.map(|part| format!("{}: `$ref` has siblings", part.place)).collect()
}

/// References to parts, and links to operations.
pub fn dangling(document: &Value) -> Vec<String> {
    let operations = operations(document);
    let leads_somewhere = |part: &Part| {
        let target = target(part).unwrap_or("#");
        let found = target.strip_prefix('#').is_some_and(|pointer| document.pointer(pointer).is_some());
        let linked = part.value["operationId"].as_str().filter(|_| part.place.contains("/links/"));
        found && linked.is_none_or(|id| operations.iter().any(|operation| operation.id == id))
    };
    let lost = parts(document).into_iter().filter(|part| !leads_somewhere(part));
    lost.map(|part| format!("{}: leads nowhere", part.place)).collect()
}

/// Components that nothing refers to: a generator makes a class of each.
pub fn unused(document: &Value) -> Vec<String> {
    let parts = parts(document);
    let references = parts.iter().filter_map(target).map(str::to_owned);
    let schemes = operations(document).into_iter().flat_map(|operation| {
        let alternatives = items(&operation.value["security"]);
        alternatives.flat_map(members).map(|(name, _)| format!("#/components/securitySchemes/{name}"))
    });
    let used: HashSet<String> = references.chain(schemes).collect();
    let sections = members(&document["components"]);
    let components = sections.flat_map(|(section, named)| {
        members(named).map(move |(name, _)| format!("#/components/{section}/{name}"))
    });
    components.filter(|name| !used.contains(name)).map(|name| format!("{name} is not used")).collect()
}
