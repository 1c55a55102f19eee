//! Links: how a value of one response is used in the next request, for readers and for testing
//! tools. They follow from names. An operation that creates a resource links to the operations on
//! it, and a page links to the next one. A response links to an operation whose required fields are
//! all in the response, or all in the request that it answers.

use serde_json::{Map, Value, json};

use super::walk::{self, items};

/// An operation that a link may lead to.
struct Target<'a> {
    id: &'a str,
    path: &'a str,
    operation: &'a Value,
    /// The fields that its body requires; empty without a body.
    required: Vec<&'a str>,
}

/// Adds the links of every success response.
pub(super) fn add(paths: &mut Value, components: &Value) {
    let found = json!({ "paths": paths });
    let targets: Vec<_> = walk::operations(&found)
        .filter_map(|(path, _, operation)| {
            let id = operation["operationId"].as_str()?;
            let required = items(&body_schema(&operation["requestBody"], components)["required"]);
            Some(Target { id, path, operation, required: required.filter_map(Value::as_str).collect() })
        })
        .collect();
    for (path, method, operation) in walk::operations(&found) {
        let responses = operation["responses"].as_object().into_iter().flatten();
        let Some((status, response)) = responses.into_iter().find(|(status, _)| status.starts_with('2'))
        else {
            continue;
        };
        let body = body_schema(response, components);
        let request = body_schema(&operation["requestBody"], components);
        let link = |target: &Target| {
            if method == "post" && target.path == format!("{path}/{{id}}") && has_property(body, "id") {
                Some(target.with_id())
            } else if operation["operationId"] == target.id && has_property(body, "next_page") {
                target.next_page()
            } else {
                target.with_body(body, request)
            }
        };
        let links = targets.iter().filter_map(|target| Some((target.id.to_owned(), link(target)?)));
        let links: Map<_, _> = links.collect();
        if !links.is_empty() {
            paths[path][method]["responses"][status]["links"] = Value::Object(links);
        }
    }
}

impl Target<'_> {
    /// The operation on the resource that was created.
    fn with_id(&self) -> Value {
        json!({
            "operationId": self.id,
            "description": "The created resource.",
            "parameters": { "id": "$response.body#/id" },
        })
    }

    /// The same request with the token of the next page.
    fn next_page(&self) -> Option<Value> {
        let parameters = items(&self.operation["parameters"]).filter_map(|parameter| {
            let (place, name) = (parameter["in"].as_str()?, parameter["name"].as_str()?);
            let source = match name {
                "page_token" => "$response.body#/next_page".to_owned(),
                _ => format!("$request.{place}.{name}"),
            };
            Some((name.to_owned(), Value::from(source)))
        });
        let parameters: Map<_, _> = parameters.collect();
        parameters.contains_key("page_token").then(|| {
            json!({
                "operationId": self.id,
                "description": "The next page, unless `next_page` is null.",
                "parameters": parameters,
            })
        })
    }

    /// The whole response as the body, or the whole body of the request that it answers, whichever
    /// has all required fields. A body composed of both would be an object, which OpenAPI allows
    /// and openapi-generator refuses: its parser takes only text here.
    fn with_body(&self, response: &Value, request: &Value) -> Option<Value> {
        let creates = self.operation["responses"].get("201").is_some();
        if creates || !self.required.iter().any(|name| has_property(response, name)) {
            return None;
        }
        // Whether every value of the schema has the fields.
        let suffices = |schema: &Value| {
            let always: Vec<_> = items(&schema["required"]).filter_map(Value::as_str).collect();
            self.required.iter().all(|name| always.contains(name))
        };
        let sources = [(response, "$response.body"), (request, "$request.body")];
        let (_, source) = sources.into_iter().find(|(schema, _)| suffices(schema))?;
        Some(json!({
            "operationId": self.id,
            "description": "Fields that the operation does not know are ignored.",
            "requestBody": source,
        }))
    }
}

fn has_property(schema: &Value, name: &str) -> bool {
    schema["properties"].get(name).is_some()
}

/// The schema of a JSON body, without a reference; null where there is none.
fn body_schema<'a>(holder: &'a Value, components: &'a Value) -> &'a Value {
    let schema = &holder["content"]["application/json"]["schema"];
    let target = schema["$ref"].as_str().and_then(|target| target.strip_prefix("#/components"));
    target.and_then(|pointer| components.pointer(pointer)).unwrap_or(schema)
}
