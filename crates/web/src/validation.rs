//! Validates bodies and parameters against the schemas of the document, and reports every error at
//! once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use groundwork_clock::Timestamp;
use groundwork_openapi::Documents;
use groundwork_telemetry::context::printable;
use groundwork_values::{Date, InvalidDecimal, Uuid};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{Draft, ValidationError, Validator};
use poem::Request;
use poem::http::HeaderMap;
use serde_json::Value;

use super::error::FieldError;
use super::routes::Operation;
use super::schema::NOT_BLANK;

/// A rule that JSON Schema cannot express, under the name of a `format`. The function returns what
/// is wrong with a text.
pub type Format = (&'static str, fn(&str) -> Option<String>);

/// How many characters of an unknown parameter's name a response repeats.
const MAX_NAME: usize = 64;

/// Headers that every conditional request may have.
const CONDITIONS: [&str; 2] = ["If-Match", "If-None-Match"];

/// The formats of types that every document may have.
const BUILT_IN: [Format; 3] = [
    ("date-time", |text| text.parse::<Timestamp>().err().map(|error| error.to_string())),
    ("date", |text| text.parse::<Date>().err().map(|error| error.to_string())),
    ("uuid", |text| text.parse::<Uuid>().err().map(|error| error.to_string())),
];

/// The rules that an app adds to those of JSON Schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Formats {
    /// By the `format` of a schema.
    pub published: &'static [Format],
    /// By the name of a query parameter. They are not in the document, because a format that is
    /// added to a published parameter breaks clients.
    pub query: &'static [Format],
}

impl Formats {
    fn all(self) -> impl Iterator<Item = Format> {
        self.published.iter().copied().chain(BUILT_IN)
    }
}

/// Validates bodies and parameters. The schemas are compiled on first use, so that start-up does
/// not wait for them.
pub struct SchemaValidator {
    formats: Formats,
    schemas: LazyLock<Option<Schemas>, Box<dyn FnOnce() -> Option<Schemas> + Send>>,
}

struct Schemas {
    bodies: HashMap<String, Validator>,
    /// By path and method.
    parameters: HashMap<String, HashMap<String, Vec<Parameter>>>,
}

struct Parameter {
    name: String,
    place: String,
    required: bool,
    schema_type: String,
    is_timestamp: bool,
    validator: Validator,
}

impl SchemaValidator {
    /// Validates by the schemas of these documents and the given formats.
    pub fn new(documents: Arc<Documents>, formats: Formats) -> Self {
        let compile = move || {
            let schemas = Schemas::from_document(&documents.json, formats);
            schemas.inspect_err(|error| tracing::error!(error, "the document's schemas do not compile")).ok()
        };
        Self { formats, schemas: LazyLock::new(Box::new(compile)) }
    }

    /// The errors of a body of the named schema; `None` if the document has no such schema.
    pub(crate) fn check_body(&self, schema: &str, body: &Value) -> Option<Vec<FieldError>> {
        let validator = self.schemas.as_ref()?.bodies.get(schema)?;
        Some(distinct(validator.iter_errors(body).map(|error| self.formats.describe(&error, ""))))
    }

    /// The errors of the parameters in the query, the path and the headers, including unknown and
    /// repeated names in the query; `None` if the document has no such operation. Other headers are
    /// ignored.
    pub(crate) fn check_parameters(
        &self,
        operation: &Operation,
        query: &[(String, String)],
        request: &Request,
    ) -> Option<Vec<FieldError>> {
        let known =
            self.schemas.as_ref()?.parameters.get(&*operation.template)?.get(operation.method.as_str())?;
        let mut problems = Vec::new();
        for (index, (name, _)) in query.iter().enumerate() {
            if !known.iter().any(|parameter| parameter.place == "query" && parameter.name == *name) {
                let name = printable(name, MAX_NAME);
                problems.push(FieldError::new(name, "unknown", "is not a parameter of this operation"));
            } else if query[..index].iter().any(|(earlier, _)| earlier == name) {
                problems.push(FieldError::new(name, "repeated", "is given more than once"));
            }
        }
        for parameter in known {
            let name = parameter.name.as_str();
            let given = match parameter.place.as_str() {
                "header" => only_value(request.headers(), name),
                "query" => Ok(query.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str())),
                _ => Ok(operation.path_value(request, name)),
            };
            match given {
                Ok(Some(text)) => problems.extend(parameter.check(text, self.formats)),
                Ok(None) if parameter.required => {
                    problems.push(FieldError::new(name, "required", "is required"));
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        Some(problems)
    }
}

/// The value of a header that may be given once. HTTP would join several by commas (RFC 9110, 5.3),
/// and a single value with a comma would look the same.
fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, FieldError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(FieldError::new(name, "repeated", "is given more than once"));
    }
    let text = std::str::from_utf8(value.as_bytes()).ok().filter(|text| text.is_ascii());
    text.map(Some).ok_or_else(|| FieldError::new(name, "characters", "must be ASCII text"))
}

impl Schemas {
    fn from_document(document: &str, formats: Formats) -> Result<Self, String> {
        let document: Value = serde_json::from_str(document).map_err(|error| error.to_string())?;
        let components = &document["components"];
        let mut bodies = HashMap::new();
        let mut parameters = HashMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            let methods: &mut HashMap<_, _> = parameters.entry(path.clone()).or_default();
            for (method, operation) in item.as_object().into_iter().flatten() {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next())
                {
                    bodies.insert(name.to_owned(), compile(schema, components, formats)?);
                }
                let declared = operation["parameters"].as_array().into_iter().flatten();
                // A condition may have several lines, and one that cannot be read is no error.
                let declared = declared.filter(|parameter| {
                    !CONDITIONS.contains(&parameter["name"].as_str().unwrap_or_default())
                });
                let declared = declared.map(|parameter| Parameter::new(parameter, components, formats));
                methods.insert(method.to_uppercase(), declared.collect::<Result<_, _>>()?);
            }
        }
        Ok(Self { bodies, parameters })
    }
}

impl Parameter {
    fn new(parameter: &Value, components: &Value, formats: Formats) -> Result<Self, String> {
        let text = |key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            name: text("name"),
            place: text("in"),
            required: parameter["required"].as_bool().unwrap_or_default(),
            schema_type: parameter["schema"]["type"].as_str().unwrap_or_default().to_owned(),
            is_timestamp: parameter["schema"]["format"] == "date-time",
            validator: compile(&parameter["schema"], components, formats)?,
        })
    }

    fn check(&self, text: &str, formats: Formats) -> Vec<FieldError> {
        // As in bodies: PostgreSQL cannot store or compare it.
        if text.contains('\0') {
            return vec![FieldError::new(&self.name, "characters", "must not contain NUL")];
        }
        if self.is_timestamp && text.contains(' ') && text.replace(' ', "+").parse::<Timestamp>().is_ok() {
            let message = "must not contain a space: in a query a plus sign is written as %2B";
            return vec![FieldError::new(&self.name, "format", message)];
        }
        let unpublished = formats.query.iter().find(|(name, _)| self.place == "query" && *name == self.name);
        if let Some(problem) = unpublished.filter(|_| !text.is_empty()).and_then(|(_, check)| check(text)) {
            return vec![FieldError::new(&self.name, "format", problem)];
        }
        // One spelling only: `+1` and `01` would be other URLs of the resource at `1`.
        if self.schema_type == "integer" && text.parse().is_ok_and(|number: i64| number.to_string() != text) {
            let message = "must be an integer without a plus sign and leading zeros";
            return vec![FieldError::new(&self.name, "type", message)];
        }
        let value = match self.schema_type.as_str() {
            "integer" => text.parse::<i64>().map(Value::from).ok(),
            "boolean" => text.parse::<bool>().map(Value::from).ok(),
            _ => Some(Value::from(text)),
        };
        let value = value.unwrap_or_else(|| Value::from(text));
        distinct(self.validator.iter_errors(&value).map(|error| formats.describe(&error, &self.name)))
    }
}

fn compile(schema: &Value, components: &Value, formats: Formats) -> Result<Validator, String> {
    let mut root = schema.clone();
    root["components"] = components.clone();
    let mut options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    for (name, check) in formats.all() {
        options = options.with_format(name, move |text: &str| check(text).is_none());
    }
    options.build(&root).map_err(|error| error.to_string())
}

impl Formats {
    /// An error in words for people. The value itself is never repeated: it may be a password.
    fn describe(self, error: &ValidationError<'_>, field: &str) -> FieldError {
        // Only a nullable reference is one, with the null behind it.
        if let Kind::AnyOf { context } = error.kind()
            && let Some(error) = context.iter().flatten().next()
        {
            return self.describe(error, field);
        }
        let pointer = error.instance_path().as_str().split('/').skip(1);
        let below = pointer.map(|name| name.replace("~1", "/").replace("~0", "~"));
        let field = Some(field).filter(|field| !field.is_empty()).map(str::to_owned);
        let mut path: Vec<String> = field.into_iter().chain(below).collect();
        let message = match error.kind() {
            Kind::Required { property } => {
                path.push(property.as_str().unwrap_or_default().to_owned());
                "is required".to_owned()
            }
            Kind::Format { format } => self.reason(format, error.instance()),
            Kind::Type { kind } => format!("must be {}", names_of_type(kind)),
            Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
            Kind::MinLength { limit } => format!("must be at least {limit} characters"),
            Kind::MaxLength { limit } => format!("must be at most {limit} characters"),
            Kind::MaxItems { limit } => format!("must have at most {limit} items"),
            Kind::Minimum { limit } => format!("must be at least {limit}"),
            Kind::Maximum { limit } => format!("must be at most {limit}"),
            Kind::Enum { options } => {
                // Null is in the list where the field may be null, which is not worth suggesting.
                let values = options.as_array().into_iter().flatten().filter(|value| !value.is_null());
                format!("must be one of {}", values.cloned().collect::<Value>())
            }
            Kind::Pattern { pattern } if pattern == NOT_BLANK || is_blank(error.instance()) => {
                "must not be blank".to_owned()
            }
            Kind::Pattern { pattern } => InvalidDecimal::of_pattern(pattern)
                .map(|error| error.to_string())
                .or_else(|| literals(pattern).map(|all| format!("must be {}", all.replace('|', " or "))))
                .unwrap_or_else(|| "has characters that are not allowed here".to_owned()),
            _ => "is not valid".to_owned(),
        };
        let field = if path.is_empty() { "body".to_owned() } else { path.join(".") };
        FieldError::new(field, snake_case(error.kind().keyword()), message)
    }

    fn reason(self, format: &str, instance: &Value) -> String {
        let known = self.all().find(|(name, _)| *name == format);
        let reason = known.and_then(|(_, check)| check(instance.as_str().unwrap_or_default()));
        reason.unwrap_or_else(|| format!("must be a valid {format}"))
    }
}

/// Whether it is a text of white space only. Patterns of texts that people read refuse such a text,
/// and "characters that are not allowed" would not tell them why.
fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The values of a pattern that lists them, such as `^(up|down)$`: `up|down`.
fn literals(pattern: &str) -> Option<&str> {
    let listed = pattern.strip_prefix("^(")?.strip_suffix(")$")?;
    let is_literal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '|');
    listed.chars().all(is_literal).then_some(listed)
}

/// Drops duplicates: a length and a format can report the same error of one field.
fn distinct(problems: impl Iterator<Item = FieldError>) -> Vec<FieldError> {
    let mut kept: Vec<FieldError> = Vec::new();
    for problem in problems {
        if !kept.iter().any(|other| other.field == problem.field && other.message == problem.message) {
            kept.push(problem);
        }
    }
    kept
}

fn names_of_type(kind: &TypeKind) -> String {
    let with_article = |name: String| match name.as_str() {
        "null" => name,
        "array" | "integer" | "object" => format!("an {name}"),
        _ => format!("a {name}"),
    };
    match kind {
        TypeKind::Single(one) => with_article(one.to_string()),
        TypeKind::Multiple(several) => {
            several.iter().map(|one| with_article(one.to_string())).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn snake_case(keyword: &str) -> String {
    let mut snake = String::with_capacity(keyword.len() + 2);
    for c in keyword.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use poem::http::Method;
    use poem_openapi::{OpenApi, OpenApiService};
    use serde_json::json;

    use super::*;
    use crate::error::{ErrorCode, IMPLIED_ERRORS};
    use crate::extract::Path;
    use groundwork_openapi::Config;
    use groundwork_openapi::policy::Policy;

    #[derive(poem_openapi::Tags)]
    enum Tag {
        /// Everything about things.
        Things,
    }

    struct Things;

    #[OpenApi(tag = "Tag::Things")]
    #[allow(clippy::unused_async, reason = "poem-openapi takes async functions only")]
    impl Things {
        /// List things
        ///
        /// All of them.
        #[oai(path = "/things", method = "get", operation_id = "things_list")]
        async fn list(&self) {}

        /// Get a thing
        ///
        /// One of them.
        #[oai(path = "/things/:id", method = "get", operation_id = "things_get")]
        async fn get(
            &self,
            /// Its id.
            id: Path<i64>,
        ) {
            let _ = id;
        }
    }

    #[test]
    fn keywords_become_snake_case() {
        assert_eq!(snake_case("minLength"), "min_length");
        assert_eq!(snake_case("required"), "required");
    }

    #[test]
    fn a_format_explains_itself() {
        let formats =
            Formats { published: &[("email", |_| Some("must contain an @".to_owned()))], query: &[] };
        assert_eq!(formats.reason("email", &json!("nobody")), "must contain an @");
        assert_eq!(formats.reason("uri", &json!("x")), "must be a valid uri");
    }

    #[test]
    fn an_operation_that_the_document_lacks_is_not_taken_for_one_without_rules() {
        let service = OpenApiService::new(Things, "Things", "1.0.0");
        let config =
            Config { catalogue: &ErrorCode::BUILT_IN, implied: IMPLIED_ERRORS, path_of: &str::to_owned };
        let documents = Documents::from_spec(&service.spec(), &config).unwrap();
        let validator = SchemaValidator::new(Arc::new(documents), Formats::default());
        let check = |method, template: &str| {
            let operation = Operation { method, template: template.into(), policy: Policy::default() };
            validator.check_parameters(&operation, &[], &Request::default()).map(|errors| errors.len())
        };
        assert_eq!(check(Method::GET, "/things"), Some(0));
        assert_eq!(check(Method::GET, "/things/{id}"), Some(1), "the id is required");
        assert_eq!(check(Method::PUT, "/things"), None);
        assert_eq!(check(Method::GET, "/nowhere"), None);
    }
}
