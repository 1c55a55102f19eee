//! What the document shows is what it says: people copy examples, and mock servers answer with
//! them.

use std::collections::HashMap;

use jsonschema::{Draft, Validator};
use serde_json::Value;

use crate::document::reading::{Part, items, members, parts};

/// Every example and every default, wherever one stands, against its schema.
pub fn examples(document: &Value) -> Vec<String> {
    let mut schemas = Schemas { components: &document["components"], compiled: HashMap::new() };
    let check = |part: Part| {
        // A parameter, a header and a media type have a schema; a schema is one.
        let schema = part.value.get("schema").unwrap_or(part.value);
        let shown = shown(part.value);
        shown
            .into_iter()
            .flat_map(|(name, value)| schemas.problems(schema, value, &part.place, &name))
            .collect()
    };
    parts(document).into_iter().flat_map::<Vec<_>, _>(check).collect()
}

/// The values that a part shows, each with the words that lead to it.
fn shown(part: &Value) -> Vec<(String, &Value)> {
    let single = ["example", "default"].into_iter().filter_map(|key| Some((key.to_owned(), part.get(key)?)));
    let examples = &part["examples"];
    let listed = items(examples).enumerate();
    let listed = listed.map(|(index, value)| (format!("examples/{index}"), value));
    let named = members(examples).map(|(name, example)| (format!("examples/{name}"), &example["value"]));
    single.chain(listed).chain(named).collect()
}

struct Schemas<'a> {
    components: &'a Value,
    /// By the schema's text, because most are references to the same few.
    compiled: HashMap<String, Validator>,
}

impl Schemas<'_> {
    fn problems(&mut self, schema: &Value, value: &Value, place: &str, name: &str) -> Vec<String> {
        let mut root = schema.clone();
        let compile = || {
            root["components"] = self.components.clone();
            let options = jsonschema::options().with_draft(Draft::Draft202012);
            options.should_validate_formats(true).build(&root).expect("a schema that compiles")
        };
        let text = schema.to_string();
        let validator = self.compiled.entry(text).or_insert_with(compile);
        let problems = validator.iter_errors(value);
        problems.map(|problem| format!("{place}/{name}{}: {problem}", problem.instance_path())).collect()
    }
}
