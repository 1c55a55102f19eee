//! Rules that a document must keep so that generated clients compile and work.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::walk::operations;

/// A sentence for every rule that a document breaks. Of an operation only the first one is
/// reported.
pub fn check(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut ids = HashMap::new();
    for (path, method, operation) in operations(document) {
        let name = format!("{} {path}", method.to_uppercase());
        match check_operation(operation) {
            // Two methods of one client would share a name.
            Ok(id) => {
                if let Some(other) = ids.insert(id, name.clone()) {
                    problems.push(format!("{name}: operation id `{id}` is taken by {other}"));
                }
            }
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    check_references(document, document, "", &mut problems);
    problems
}

/// Checks one operation without regard to the others, and returns its id.
fn check_operation(operation: &Map<String, Value>) -> Result<&str, String> {
    let text = |key: &str| {
        let text = operation.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| format!("has no {key}"))
    };
    let id = text("operationId")?;
    // Ids become function names in every language.
    if !is_resource_verb(id) {
        return Err(format!("operation id `{id}` is not snake_case `resource_verb`"));
    }
    // The tag decides which class of a client holds the method; two tags duplicate it.
    let tags = items(operation, "tags").count();
    if tags != 1 {
        return Err(format!("has {tags} tags where it needs exactly one"));
    }
    text("summary")?;
    text("description")?;
    let responses = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    let successes = responses.filter(|(status, _)| status.starts_with('2'));
    let bodies: usize =
        successes.filter_map(|(_, response)| response["content"].as_object()).map(Map::len).sum();
    // Clients return one type.
    if bodies > 1 { Err(format!("has {bodies} success bodies where clients can return one")) } else { Ok(id) }
}

/// The items of an array; none where there is no array.
fn items<'a>(object: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Lower-case words joined by single underscores, at least two of them.
fn is_resource_verb(id: &str) -> bool {
    let mut words = id.split('_');
    let lower = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    id.contains('_') && words.all(lower)
}

/// Follows every `$ref`, except in values that are data of the API.
fn check_references(document: &Value, value: &Value, pointer: &str, problems: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (key.as_str(), value) {
                    ("example" | "examples" | "default" | "enum", _) => {}
                    ("$ref", Value::String(target)) => {
                        if target.strip_prefix('#').and_then(|place| document.pointer(place)).is_none() {
                            problems.push(format!("{pointer}: refers to `{target}`, which does not exist"));
                        }
                    }
                    _ => check_references(document, value, &pointer, problems),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_references(document, item, &format!("{pointer}/{index}"), problems);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The smallest operation that keeps every rule.
    fn operation() -> Value {
        json!({
            "tags": ["Things"],
            "summary": "Read",
            "description": "Reads a thing.",
            "operationId": "thing_get",
            "responses": { "204": { "description": "" } },
        })
    }

    /// A document with one operation, and these schemas.
    fn document(path: &str, operation: &Value, schemas: &Value) -> Value {
        json!({ "paths": { path: { "get": operation } }, "components": { "schemas": schemas } })
    }

    /// The problems of a document whose only operation was changed.
    fn problems(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut operation = operation();
        change(&mut operation);
        check(&document("/things", &operation, &json!({})))
    }

    #[test]
    fn a_document_that_keeps_every_rule_has_no_problems() {
        assert_eq!(problems(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn an_operation_id_is_a_resource_and_a_verb_and_belongs_to_one_operation() {
        let without = problems(|operation| operation["operationId"] = Value::Null);
        assert_eq!(without, ["GET /things: has no operationId"]);
        for id in ["things", "thingGet", "Thing_get", "thing__get", "_thing_get", "thing_get_", "thing-get_x"]
        {
            let found = problems(|operation| operation["operationId"] = id.into());
            assert_eq!(
                found,
                [format!("GET /things: operation id `{id}` is not snake_case `resource_verb`")]
            );
        }
        let mut document = document("/things", &operation(), &json!({}));
        document["paths"]["/others"] = json!({ "get": operation() });
        assert_eq!(check(&document), ["GET /others: operation id `thing_get` is taken by GET /things"]);
    }

    #[test]
    fn an_operation_has_one_tag_and_words_for_readers() {
        let tags = |tags: Value| problems(|operation| operation["tags"] = tags);
        assert_eq!(tags(json!([])), ["GET /things: has 0 tags where it needs exactly one"]);
        assert_eq!(tags(json!(["A", "B"])), ["GET /things: has 2 tags where it needs exactly one"]);
        for key in ["summary", "description"] {
            for empty in [json!(" "), Value::Null] {
                let found = problems(|operation| operation[key] = empty);
                assert_eq!(found, [format!("GET /things: has no {key}")]);
            }
        }
    }

    #[test]
    fn a_reference_leads_to_a_part_of_the_document() {
        let schemas =
            json!({ "Thing": { "properties": { "other": { "$ref": "#/components/schemas/Missing" } } } });
        let place = "/components/schemas/Thing/properties/other/$ref";
        assert_eq!(
            check(&document("/things", &operation(), &schemas)),
            [format!("{place}: refers to `#/components/schemas/Missing`, which does not exist")]
        );
        let schemas =
            json!({ "Thing": { "allOf": [{ "$ref": "other.json" }], "example": { "$ref": "#/x" } } });
        assert_eq!(check(&document("/things", &operation(), &schemas)).len(), 1);
    }

    #[test]
    fn an_operation_has_one_success_body() {
        let body = json!({ "content": { "application/json": { "schema": {} } } });
        let found = problems(|operation| operation["responses"] = json!({ "200": body, "201": body }));
        assert_eq!(found, ["GET /things: has 2 success bodies where clients can return one"]);
    }
}
