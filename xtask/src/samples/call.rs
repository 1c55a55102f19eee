//! What the samples of an operation show: one call, with the examples of the document.

use serde_json::{Map, Value, json};

use crate::clients::model::{self, Kind, Operation};

/// A call of an operation.
pub struct Call<'a> {
    /// The resource that has the method, such as `users`.
    pub resource: &'a str,
    pub operation: &'a Operation,
    /// Whether the caller has to log in.
    pub is_secured: bool,
    /// One per path parameter.
    pub path: Vec<Field>,
    /// The query parameters that the operation requires.
    pub query: Vec<Field>,
    pub body: Option<Body>,
}

/// The body of a request.
pub struct Body {
    pub schema: String,
    /// As the document shows it.
    pub example: Map<String, Value>,
    pub fields: Vec<Field>,
}

/// A parameter, or a field of a body.
pub struct Field {
    pub name: String,
    /// `None`: not a type that all languages can write.
    pub kind: Option<Kind>,
    /// An object of JSON, which has no kind.
    pub is_object: bool,
    pub is_required: bool,
    pub is_nullable: bool,
    pub value: Value,
}

impl<'a> Call<'a> {
    /// # Errors
    /// Which example the document lacks.
    pub fn new(document: &Value, resource: &'a str, operation: &'a Operation) -> Result<Self, String> {
        let declared = &document["paths"][&operation.path][operation.http_method];
        let schemes = declared["security"].as_array();
        let body = operation.body.as_ref().map(|schema| Body::new(document, declared, schema)).transpose()?;
        let parameters = declared["parameters"].as_array().into_iter().flatten();
        let of = |place: &'static str| {
            let parameters = parameters.clone().filter(move |it| it["in"] == place && it["required"] == true);
            parameters.map(|it| parameter(document, it)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            resource,
            operation,
            is_secured: schemes.is_some_and(|schemes| !schemes.is_empty()),
            path: of("path")?,
            query: of("query")?,
            body,
        })
    }

    /// The path with its values.
    pub fn address(&self) -> String {
        self.path.iter().fold(self.operation.path.clone(), |path, field| {
            path.replace(&format!("{{{}}}", field.name), &field.text())
        })
    }
}

impl Body {
    fn new(document: &Value, operation: &Value, schema: &str) -> Result<Self, String> {
        let content = &operation["requestBody"]["content"]["application/json"];
        let declared = &document["components"]["schemas"][schema];
        let example =
            content["example"].as_object().cloned().map_or_else(|| composed(document, declared), Ok)?;
        let required: Vec<&str> =
            declared["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let field = |(name, value): (&String, &Value)| {
            let (schema, is_nullable) = without_null(&declared["properties"][name]);
            Field {
                name: name.clone(),
                kind: kind(document, &schema).filter(|kind| is_writable(document, kind, value)),
                is_object: schema["type"] == "object",
                is_required: required.contains(&name.as_str()),
                is_nullable,
                value: value.clone(),
            }
        };
        let fields = example.iter().map(field).collect();
        Ok(Self { schema: schema.to_owned(), example, fields })
    }
}

impl Field {
    /// The value as it is in a path.
    pub fn text(&self) -> String {
        self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned)
    }
}

/// The fields with their values in a language. A field that the language cannot write is left out
/// if it is optional.
///
/// # Errors
/// Which field has to be there and cannot be written.
pub fn written<'a>(
    fields: &'a [Field],
    write: impl Fn(&'a Field, &'a Kind) -> Option<String>,
    write_object: impl Fn(&'a Field) -> Option<String>,
) -> Result<Vec<(&'a Field, String)>, String> {
    let mut all = Vec::new();
    for field in fields {
        let value = match &field.kind {
            Some(kind) => write(field, kind),
            None if field.is_object => write_object(field),
            None => None,
        };
        match value {
            Some(value) => all.push((field, value)),
            None if field.is_required => return Err(format!("the type of {} is not supported", field.name)),
            None => {}
        }
    }
    Ok(all)
}

/// The members of an object, each written, if they are texts, numbers and flags.
pub fn members(value: &Value, write: impl Fn(String, &Value) -> String) -> Option<String> {
    let is_scalar = |value: &Value| value.is_string() || value.is_i64() || value.is_boolean();
    let members = value.as_object()?.iter();
    let members: Option<Vec<_>> = members
        .map(|(name, value)| is_scalar(value).then(|| write(format!("\"{}\"", escaped(name, '"')), value)))
        .collect();
    Some(members?.join(", "))
}

/// The items of an array, each written.
pub fn items(value: &Value, write: impl Fn(&Value) -> Option<String>) -> Option<String> {
    let items: Option<Vec<_>> = value.as_array()?.iter().map(write).collect();
    Some(items?.join(", "))
}

/// The text in double quotes, as every language but the shell reads it.
pub fn quoted(value: &Value) -> Option<String> {
    value.as_str().map(|text| format!("\"{}\"", escaped(text, '"')))
}

/// The text without characters that end it or have another meaning between these quotes.
pub fn escaped(text: &str, quote: char) -> String {
    text.replace('\\', "\\\\").replace(quote, &format!("\\{quote}")).replace('\n', "\\n")
}

fn parameter(document: &Value, parameter: &Value) -> Result<Field, String> {
    let name = parameter["name"].as_str().unwrap_or_default();
    let schema = &parameter["schema"];
    let kind = model::kind(document, schema);
    let value = shown(document, schema).ok_or_else(|| format!("its parameter {name} has no example"))?;
    let (is_object, is_required, is_nullable) = (false, true, false);
    Ok(Field { name: name.to_owned(), kind, is_object, is_required, is_nullable, value })
}

/// An example of a body that the document does not show: of each field that has one.
fn composed(document: &Value, schema: &Value) -> Result<Map<String, Value>, String> {
    let required = schema["required"].as_array();
    let mut example = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = required.is_some_and(|names| names.iter().any(|it| it == name));
        match shown(document, property) {
            Some(value) => drop(example.insert(name.clone(), value)),
            None if is_required => return Err(format!("{name} of its body has no example")),
            None => {}
        }
    }
    Ok(example)
}

/// The example of a schema, or a value that it allows.
fn shown(document: &Value, schema: &Value) -> Option<Value> {
    let referred = model::reference(schema).map(|name| &document["components"]["schemas"][&name]);
    let schema = referred.unwrap_or(schema);
    let shown = ["examples", "enum"].into_iter().find_map(|key| schema[key].get(0));
    shown.or(schema.get("default")).cloned().or_else(|| kind(document, schema).as_ref().and_then(any))
}

/// The type of a schema. An enum within another schema has a name that each generator makes up.
fn kind(document: &Value, schema: &Value) -> Option<Kind> {
    if schema.get("enum").is_some() { None } else { model::kind(document, schema) }
}

/// A value of the type, if any one will do.
fn any(kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Boolean => Some(json!(true)),
        Kind::Int32 | Kind::Int64 | Kind::Number => Some(json!(1)),
        Kind::Uuid => Some(json!("018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a")),
        _ => None,
    }
}

/// A value of an enum becomes the name of a constant, by rules that the generators share for words
/// only.
fn is_writable(document: &Value, kind: &Kind, value: &Value) -> bool {
    let is_word = |value: &str| {
        value.starts_with(|c: char| c.is_ascii_lowercase())
            && value.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    match kind {
        Kind::Schema(name) => {
            document["components"]["schemas"][name].get("enum").is_some()
                && document["components"]["schemas"][name]["x-extensible-enum"] != true
                && value.as_str().is_some_and(is_word)
        }
        Kind::Array(kind) => value.as_array().into_iter().flatten().all(|it| is_writable(document, kind, it)),
        _ => !value.is_null(),
    }
}

/// The schema without null, and whether null was among its values.
fn without_null(schema: &Value) -> (Value, bool) {
    if let Some(types) = schema["type"].as_array() {
        let mut plain = schema.clone();
        plain["type"] = types.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
        return (plain, types.iter().any(|kind| kind == "null"));
    }
    let is_null = |choice: &Value| choice["type"] == "null";
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([plain, null]) if is_null(null) => (plain.clone(), true),
        _ => (schema.clone(), false),
    }
}
