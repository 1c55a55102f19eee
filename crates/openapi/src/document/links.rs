//! Links: how a value of one response is used in the next request, for readers and for testing tools.
//!
//! They follow from names. An operation that creates a resource links to the operations on it, and a page
//! links to the next one. A response links to an operation whose required fields are all in the response, or
//! all in the request that it answers.

use serde_json::{Map, Value, json};

use super::walk;

/// What links need to know of an operation.
struct Target {
    id: String,
    path: String,
    parameters: Vec<(String, String)>,
    /// The fields that its body requires; empty without a body.
    required: Vec<String>,
    /// Whether it creates a resource.
    creates: bool,
}

/// Adds the links of every success response.
pub(super) fn add(paths: &mut Value, components: &Value) {
    let found = json!({ "paths": paths });
    let targets: Vec<_> = walk::operations(&found)
        .filter_map(|(path, _, operation)| Target::of(path, operation, components))
        .collect();
    for (path, method, operation) in walk::operations(&found) {
        let Some((status, links)) = links(path, method, operation, &targets, components) else { continue };
        if let Some(response) = paths[path][method]["responses"][status].as_object_mut() {
            response.insert("links".to_owned(), Value::Object(links));
        }
    }
}

/// The links of an operation's success response, and its status.
fn links<'a>(
    path: &str,
    method: &str,
    operation: &'a Map<String, Value>,
    targets: &[Target],
    components: &Value,
) -> Option<(&'a str, Map<String, Value>)> {
    let responses = operation.get("responses")?.as_object()?;
    let (status, response) = responses.iter().find(|(status, _)| status.starts_with('2'))?;
    let body = resolved(response.pointer("/content/application~1json/schema")?, components)?;
    let fields = body.get("properties")?.as_object()?;
    let id = operation.get("operationId")?.as_str()?;
    let sent = request_schema(operation, components);
    let link = |target: &Target| {
        if method == "post" && target.path == format!("{path}/{{id}}") && fields.contains_key("id") {
            Some(target.with_id())
        } else if target.id == id && fields.contains_key("next_page") {
            target.next_page()
        } else {
            target.with_body(body, sent)
        }
    };
    let links: Map<_, _> =
        targets.iter().filter_map(|target| Some((target.id.clone(), link(target)?))).collect();
    (!links.is_empty()).then_some((status, links))
}

impl Target {
    fn of(path: &str, operation: &Map<String, Value>, components: &Value) -> Option<Self> {
        let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
        let body = operation.get("requestBody").and_then(|body| {
            resolved(body.pointer("/content/application~1json/schema")?, components)?
                .get("required")?
                .as_array()
        });
        Some(Self {
            id: operation.get("operationId")?.as_str()?.to_owned(),
            path: path.to_owned(),
            parameters: parameters.filter_map(|p| Some((text(p, "in")?, text(p, "name")?))).collect(),
            required: body
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            creates: operation.get("responses")?.get("201").is_some(),
        })
    }

    /// The operation on the resource that was created.
    fn with_id(&self) -> Value {
        json!({
            "operationId": self.id,
            "description": "The thing that was made.",
            "parameters": { "id": "$response.body#/id" },
        })
    }

    /// The same request with the token of the next page.
    fn next_page(&self) -> Option<Value> {
        let names = self.parameters.iter().map(|(place, name)| match name.as_str() {
            "page_token" => (name.clone(), "$response.body#/next_page".into()),
            _ => (name.clone(), format!("$request.{place}.{name}").into()),
        });
        let parameters: Map<String, Value> = names.collect();
        parameters.contains_key("page_token").then(|| {
            json!({
                "operationId": self.id,
                "description": "The next page, unless `next_page` is null.",
                "parameters": parameters,
            })
        })
    }

    /// The whole response as the body, or the whole body of the request that it answers, whichever has all
    /// required fields. A body composed of both would be an object, which OpenAPI allows and
    /// openapi-generator refuses: its parser takes only text here.
    fn with_body(&self, response: &Value, request: Option<&Value>) -> Option<Value> {
        if self.creates || !self.required.iter().any(|name| has_property(response, name)) {
            return None;
        }
        let source = if self.is_satisfied_by(response) {
            "$response.body"
        } else if request.is_some_and(|request| self.is_satisfied_by(request)) {
            "$request.body"
        } else {
            return None;
        };
        Some(json!({
            "operationId": self.id,
            "description": "Fields that the operation does not know are ignored.",
            "requestBody": source,
        }))
    }

    /// Whether every value of this schema has the fields that the body requires.
    fn is_satisfied_by(&self, schema: &Value) -> bool {
        let always = schema.get("required").and_then(Value::as_array);
        self.required.iter().all(|name| always.is_some_and(|always| always.iter().any(|field| field == name)))
    }
}

fn has_property(schema: &Value, name: &str) -> bool {
    schema.get("properties").is_some_and(|properties| properties.get(name).is_some())
}

fn request_schema<'a>(operation: &'a Map<String, Value>, components: &'a Value) -> Option<&'a Value> {
    resolved(operation.get("requestBody")?.pointer("/content/application~1json/schema")?, components)
}

fn resolved<'a>(schema: &'a Value, components: &'a Value) -> Option<&'a Value> {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => components.pointer(reference.strip_prefix("#/components")?),
        None => Some(schema),
    }
}
