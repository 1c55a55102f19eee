//! What the clients need to know of an operation.

use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The header that names a request, so that it has its effect once: the clients set it themselves.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The header that the clients leave to calls of the generated functions: their methods return a
/// resource, and its answer has none.
const IF_NONE_MATCH: &str = "If-None-Match";

/// The query parameter that selects a page.
pub const PAGE_TOKEN: &str = "page_token";

/// The operations with one tag.
#[derive(Debug)]
pub struct Resource {
    /// The tag in `snake_case`, such as `users`.
    pub name: String,
    pub operations: Vec<Operation>,
}

#[derive(Debug)]
pub struct Operation {
    /// The `operationId`, such as `users_me_update`.
    pub id: String,
    /// The `operationId` without the tag, such as `me_update`.
    pub name: String,
    /// In lower case.
    pub http_method: &'static str,
    pub path: String,
    pub summary: String,
    pub path_parameters: Vec<Parameter>,
    /// Without [`PAGE_TOKEN`] if the operation lists pages.
    pub query: Vec<Parameter>,
    /// Optional headers, each a text, such as `If-Match`.
    pub headers: Vec<Parameter>,
    /// The name of the body's schema.
    pub body: Option<String>,
    /// The status of a success.
    pub status: String,
    pub response: Response,
}

/// The body of a success.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    Empty,
    /// The name of the schema.
    One(String),
    /// One page of a list: the names of the schemas of the page and of its items.
    Page {
        page: String,
        item: String,
    },
}

#[derive(Debug)]
pub struct Parameter {
    pub name: String,
    pub kind: Kind,
    pub is_required: bool,
}

/// The type of a parameter.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    Int32,
    Int64,
    Number,
    Text,
    Timestamp,
    Date,
    Uuid,
    /// The name of the schema.
    Schema(String),
    Array(Box<Kind>),
}

/// The resources of a document in its order, and the operations that are left out with the reason.
pub fn resources(document: &Value) -> (Vec<Resource>, Vec<String>) {
    let (mut resources, mut omitted) = (Vec::<Resource>::new(), Vec::new());
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in METHODS.iter().filter_map(|method| Some((*method, item.get(method)?))) {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let tag = operation["tags"][0].as_str().map(snake).unwrap_or_default();
            if id.is_empty() || tag.is_empty() {
                omitted.push(format!("{method} {path}: it has no operationId or no tag"));
                continue;
            }
            match read(document, path, method, &tag, operation) {
                Err(reason) => omitted.push(format!("{id}: {reason}")),
                Ok(operation) => match resources.iter_mut().find(|resource| resource.name == tag) {
                    Some(resource) => resource.operations.push(operation),
                    None => resources.push(Resource { name: tag, operations: vec![operation] }),
                },
            }
        }
    }
    (resources, omitted)
}

fn read(
    document: &Value,
    path: &str,
    method: &'static str,
    tag: &str,
    operation: &Value,
) -> Result<Operation, String> {
    let (mut path_parameters, mut query, mut headers) = (Vec::new(), Vec::new(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        let kind = kind(document, &parameter["schema"])
            .ok_or_else(|| format!("the type of its parameter {name} is not supported"))?;
        let is_required = parameter["required"] == true;
        match parameter["in"].as_str() {
            Some("path") => path_parameters.push(Parameter { name, kind, is_required }),
            Some("query") => query.push(Parameter { name, kind, is_required }),
            Some("header") if name == IF_NONE_MATCH => {}
            Some("header") if kind == Kind::Text && !is_required => {
                headers.push(Parameter { name, kind, is_required });
            }
            _ => return Err(format!("its parameter {name} is in no supported place")),
        }
    }
    let body = match operation.get("requestBody") {
        None => None,
        Some(body) => Some(json_schema(body).ok_or("its body is not JSON of a named schema")?),
    };
    let (status, response) = response(document, &operation["responses"], &query)?;
    if matches!(response, Response::Page { .. }) {
        query.retain(|parameter| parameter.name != PAGE_TOKEN);
    }
    let id = operation["operationId"].as_str().unwrap_or_default();
    Ok(Operation {
        id: id.to_owned(),
        name: id.strip_prefix(&format!("{tag}_")).unwrap_or(id).to_owned(),
        http_method: method,
        path: path.to_owned(),
        summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
        path_parameters,
        query,
        headers,
        body,
        status,
        response,
    })
}

/// The status and the body of a success.
fn response(document: &Value, responses: &Value, query: &[Parameter]) -> Result<(String, Response), String> {
    let responses = responses.as_object().into_iter().flatten();
    let successes: Vec<_> = responses.filter(|(status, _)| status.starts_with('2')).collect();
    let [(status, success)] = successes[..] else {
        return Err(format!("it has {} responses of a success instead of one", successes.len()));
    };
    if success.get("content").is_none() {
        return Ok((status.clone(), Response::Empty));
    }
    let name = json_schema(success).ok_or("its response is not JSON of a named schema")?;
    let properties = &document["components"]["schemas"][&name]["properties"];
    let is_paged = query.iter().any(|parameter| parameter.name == PAGE_TOKEN);
    let response = match reference(&properties["items"]["items"]) {
        Some(item) if is_paged && properties.get("next_page").is_some() => {
            Response::Page { page: name, item }
        }
        _ => Response::One(name),
    };
    Ok((status.clone(), response))
}

/// The name of the schema of a JSON body.
fn json_schema(body: &Value) -> Option<String> {
    reference(&body["content"]["application/json"]["schema"])
}

/// The name of the schema that is referred to.
pub fn reference(schema: &Value) -> Option<String> {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str())?;
    Some(reference.rsplit('/').next()?.to_owned())
}

/// The type of a schema, if it is a supported one.
pub fn kind(document: &Value, schema: &Value) -> Option<Kind> {
    if let Some(name) = reference(schema) {
        let is_text = document["components"]["schemas"][&name]["type"] == "string";
        return is_text.then_some(Kind::Schema(name));
    }
    Some(match (schema["type"].as_str()?, schema["format"].as_str().unwrap_or_default()) {
        ("boolean", _) => Kind::Boolean,
        ("integer", "int32") => Kind::Int32,
        ("integer", _) => Kind::Int64,
        ("number", _) => Kind::Number,
        ("string", "date-time") => Kind::Timestamp,
        ("string", "date") => Kind::Date,
        ("string", "uuid") => Kind::Uuid,
        ("string", "binary") => return None,
        ("string", _) => Kind::Text,
        ("array", _) => Kind::Array(Box::new(kind(document, &schema["items"])?)),
        _ => return None,
    })
}

fn snake(tag: &str) -> String {
    let is_word = |character: char| character.is_ascii_alphanumeric();
    tag.chars()
        .map(|character| if is_word(character) { character.to_ascii_lowercase() } else { '_' })
        .collect()
}
