//! The two documents describe one API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::document::reading::{items, members, newest, older, operations, texts};

/// What only one of the documents says.
fn differences(newest: &Value, older: &Value) -> Vec<String> {
    let (newest, older) = (outline(newest), outline(older));
    let added = newest.difference(&older).map(|line| format!("only 3.1: {line}"));
    let removed = older.difference(&newest).map(|line| format!("only 3.0.3: {line}"));
    added.chain(removed).collect()
}

/// A document in lines that are the same in every version of OpenAPI.
fn outline(document: &Value) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for operation in operations(document) {
        let id = operation.id;
        lines.insert(format!("{} {} is {id}", operation.method, operation.path));
        lines.insert(format!(
            "{id}: {} {} {} {}",
            operation.value["tags"],
            operation.value["security"],
            operation.value["x-allowed-roles"],
            operation.value["x-required-scope"]
        ));
        for parameter in items(&operation.value["parameters"]) {
            let (place, required) = (&parameter["in"], &parameter["required"]);
            let kind = kind(&parameter["schema"]);
            lines.insert(format!("{id}: {} in {place}, required {required}, {kind}", parameter["name"]));
        }
        let request = &operation.value["requestBody"];
        lines.extend(
            content(request).map(|line| format!("{id}: body {line}, required {}", request["required"])),
        );
        for (status, response) in members(&operation.value["responses"]) {
            lines.insert(format!("{id} {status}"));
            lines.extend(
                members(&response["headers"]).map(|(name, _)| format!("{id} {status}: header {name}")),
            );
            lines.extend(content(response).map(|line| format!("{id} {status}: body {line}")));
        }
    }
    for (name, schema) in members(&document["components"]["schemas"]) {
        lines.insert(format!("schema {name}: {}", kind(schema)));
        lines.extend(
            texts(&schema["required"]).map(|property| format!("schema {name}: {property} is required")),
        );
        let properties = members(&schema["properties"]);
        lines.extend(
            properties.map(|(property, schema)| format!("schema {name}: {property} is {}", kind(schema))),
        );
    }
    lines
}

/// The bodies of a request or response, with their examples.
fn content(holder: &Value) -> impl Iterator<Item = String> {
    members(&holder["content"]).map(|(name, media)| {
        let (example, examples) = (&media["example"], &media["examples"]);
        format!("{name}: {}, example {example}, examples {examples}", kind(&media["schema"]))
    })
}

/// A schema as far as a type goes; 3.0 has `nullable` where 3.1 has the type `null`.
fn kind(schema: &Value) -> String {
    let types = items(&schema["type"]).chain(schema["type"].is_string().then_some(&schema["type"]));
    let mut types: Vec<_> = types.cloned().collect();
    if schema["nullable"] == true {
        types.push(json!("null"));
    }
    // A nullable reference: 3.0 has it in `allOf`, 3.1 beside the null in `anyOf`.
    let choices = items(&schema["allOf"]).chain(items(&schema["anyOf"]));
    let (choices, nulls): (Vec<_>, Vec<_>) = choices.partition(|choice| choice["type"] != "null");
    types.extend(nulls.iter().map(|_| json!("null")));
    let reference = choices.first().map_or(&schema["$ref"], |choice| &choice["$ref"]);
    let (format, values) = (&schema["format"], &schema["enum"]);
    let parts = [reference, format, values].map(Value::to_string).join(" ");
    let inner = schema.get("items").map(|items| format!(" of {}", kind(items))).unwrap_or_default();
    format!("{} {parts}{inner}", Value::from(types))
}

/// What 3.0 has of it: no webhooks, and no schema that only they use.
fn without_webhooks(mut document: Value) -> Value {
    document.as_object_mut().unwrap().shift_remove("webhooks").expect("webhooks");
    loop {
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object_mut().unwrap();
        let before = schemas.len();
        schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
        if schemas.len() == before {
            return document;
        }
    }
}

#[test]
fn both_documents_describe_the_same_api() {
    assert_eq!(differences(&without_webhooks(newest()), &older()), Vec::<String>::new());
}

#[test]
fn a_difference_between_the_documents_is_found() {
    type Fault = (fn(&mut Value), &'static str);
    let faults: [Fault; 9] = [
        (|d| remove(&mut d["paths"]["/api/v1/users/me"], "delete"), "only 3.1: delete /api/v1/users/me is"),
        (|d| list(d)["operationId"] = json!("users_all"), "only 3.0.3: get /api/v1/users is users_all"),
        (|d| list(d)["security"] = json!([]), "only 3.0.3: users_list: [\"users\"] []"),
        (
            |d| remove(&mut list(d)["parameters"][0], "required"),
            "only 3.1: users_list: \"limit\" in \"query\"",
        ),
        (|d| remove(&mut list(d)["responses"], "403"), "only 3.1: users_list 403"),
        (
            |d| remove(&mut page(d)["headers"], "X-Request-Id"),
            "only 3.1: users_list 200: header X-Request-Id",
        ),
        (
            |d| remove(&mut page(d)["content"]["application/json"], "example"),
            "only 3.1: users_list 200: body",
        ),
        (|d| remove(&mut d["components"]["schemas"], "User"), "only 3.1: schema User: "),
        (
            |d| remove(&mut d["components"]["schemas"]["User"]["properties"]["full_name"], "nullable"),
            "only 3.1: schema User: full_name is [\"string\",\"null\"]",
        ),
    ];
    for (change, complaint) in faults {
        let mut document = older();
        change(&mut document);
        let differences = differences(&newest(), &document);
        assert!(differences.iter().any(|line| line.starts_with(complaint)), "{complaint}: {differences:#?}");
    }
}

fn list(document: &mut Value) -> &mut Value {
    &mut document["paths"]["/api/v1/users"]["get"]
}

fn page(document: &mut Value) -> &mut Value {
    &mut list(document)["responses"]["200"]
}

fn remove(holder: &mut Value, key: &str) {
    holder.as_object_mut().and_then(|holder| holder.shift_remove(key)).expect(key);
}
