//! The document's schemas as rules: what a client reads there is what is checked here, every problem at once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{Draft, ValidationError, Validator};
use poem::http::HeaderMap;
use serde_json::Value;

use super::document::Documents;
use super::routes::Operation;
use crate::core::clock::Timestamp;
use crate::core::email::Email;
use crate::core::email_prefix::EmailPrefix;
use crate::core::security::password::Password;
use crate::schemas::common::FieldProblem;

/// A rule that no keyword of JSON Schema can express, by the format that names it.
type Format = (&'static str, fn(&str) -> Option<String>);

const FORMATS: [Format; 3] = [
    ("email", |text| Email::parse_known(text).err().map(|reason| reason.to_string())),
    ("password", |text| Password::parse(text).err().map(|reason| reason.to_string())),
    ("date-time", |text| text.parse::<Timestamp>().err().map(|reason| reason.to_string())),
];

/// Rules of parameters of the query that are not in the document: a format that is added to a published parameter breaks clients.
const UNPUBLISHED: [Format; 1] =
    [("email", |text| EmailPrefix::parse(text).err().map(|reason| reason.to_string()))];

/// The rules of all bodies and parameters, compiled when first needed: start-up does not wait for it.
#[derive(Clone)]
pub struct Rules {
    documents: Arc<Documents>,
    compiled: Arc<OnceLock<Option<Compiled>>>,
}

struct Compiled {
    bodies: HashMap<String, Validator>,
    /// By path and method.
    parameters: HashMap<String, HashMap<String, Vec<Parameter>>>,
}

struct Parameter {
    name: String,
    place: String,
    required: bool,
    schema_type: String,
    is_instant: bool,
    validator: Validator,
}

impl Rules {
    /// The rules of these documents.
    pub fn new(documents: Arc<Documents>) -> Self {
        Self { documents, compiled: Arc::default() }
    }

    /// Every rule that `body` breaks as the named schema; `None` when the document has no such schema.
    pub fn check_body(&self, schema: &str, body: &Value) -> Option<Vec<FieldProblem>> {
        let validator = self.compiled()?.bodies.get(schema)?;
        Some(distinct(validator.iter_errors(body).map(|error| describe(&error, ""))))
    }

    /// Every rule that the parameters in `query`, `path` and `headers` break, unknown names of the query and repeated ones among
    /// them; `None` when the document has no such operation. Headers that are no parameters are not looked at.
    pub fn check_parameters(
        &self,
        operation: &Operation,
        query: &[(String, String)],
        path: &[(String, String)],
        headers: &HeaderMap,
    ) -> Option<Vec<FieldProblem>> {
        let known = self.compiled()?.parameters.get(&*operation.template)?.get(operation.method.as_str())?;
        let mut problems = Vec::new();
        for (index, (name, _)) in query.iter().enumerate() {
            if !known.iter().any(|parameter| parameter.place == "query" && parameter.name == *name) {
                let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                problems.push(FieldProblem::new(name, "unknown", "is not a parameter of this operation"));
            } else if query[..index].iter().any(|(earlier, _)| earlier == name) {
                problems.push(FieldProblem::new(name, "repeated", "is given more than once"));
            }
        }
        for parameter in known {
            let in_order = |given: &[(String, String)]| {
                given.iter().find(|(name, _)| *name == parameter.name).map(|(_, text)| text.clone())
            };
            let given = match parameter.place.as_str() {
                "header" => match only_value(headers, &parameter.name) {
                    Ok(value) => value,
                    Err(problem) => {
                        problems.push(problem);
                        continue;
                    }
                },
                "query" => in_order(query),
                _ => in_order(path),
            };
            match given {
                Some(text) => problems.extend(parameter.check(&text)),
                None if parameter.required => {
                    problems.push(FieldProblem::new(&parameter.name, "required", "is required"));
                }
                None => {}
            }
        }
        Some(problems)
    }

    fn compiled(&self) -> Option<&Compiled> {
        let compile = || {
            let compiled = Compiled::from_document(&self.documents.json);
            compiled.inspect_err(|error| tracing::error!(error, "the document's schemas do not compile")).ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

/// The value of a header that may be given once, as text. HTTP would join several by commas (RFC 9110, 5.3), and one value that
/// holds a comma would look the same.
fn only_value(headers: &HeaderMap, name: &str) -> Result<Option<String>, FieldProblem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(FieldProblem::new(name, "repeated", "is given more than once"));
    }
    let text = std::str::from_utf8(value.as_bytes()).ok().filter(|text| text.is_ascii());
    match text {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(FieldProblem::new(name, "characters", "must be ASCII text")),
    }
}

impl Compiled {
    fn from_document(document: &str) -> Result<Self, String> {
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
                    bodies.insert(name.to_owned(), compile(schema, components)?);
                }
                let declared = operation["parameters"].as_array().into_iter().flatten();
                let declared = declared.map(|parameter| Parameter::new(parameter, components));
                methods.insert(method.to_uppercase(), declared.collect::<Result<_, _>>()?);
            }
        }
        Ok(Self { bodies, parameters })
    }
}

impl Parameter {
    fn new(parameter: &Value, components: &Value) -> Result<Self, String> {
        let text = |key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            name: text("name"),
            place: text("in"),
            required: parameter["required"].as_bool().unwrap_or_default(),
            schema_type: parameter["schema"]["type"].as_str().unwrap_or_default().to_owned(),
            is_instant: parameter["schema"]["format"] == "date-time",
            validator: compile(&parameter["schema"], components)?,
        })
    }

    fn check(&self, text: &str) -> Vec<FieldProblem> {
        // As in bodies: PostgreSQL cannot store or compare it.
        if text.contains('\0') {
            return vec![FieldProblem::new(&self.name, "characters", "must not contain NUL")];
        }
        if self.is_instant && text.contains(' ') && text.replace(' ', "+").parse::<Timestamp>().is_ok() {
            let message = "must not contain a space: in a query a plus sign is written as %2B";
            return vec![FieldProblem::new(&self.name, "format", message)];
        }
        let unpublished = UNPUBLISHED.iter().find(|(name, _)| self.place == "query" && *name == self.name);
        if let Some(problem) =
            unpublished.filter(|_| !text.is_empty()).and_then(|(_, problem_of)| problem_of(text))
        {
            return vec![FieldProblem::new(&self.name, "format", problem)];
        }
        // In one spelling: `+1` and `01` would be other addresses of what `1` is.
        if self.schema_type == "integer" && text.parse().is_ok_and(|number: i64| number.to_string() != text) {
            let message = "must be an integer without a plus sign and leading zeros";
            return vec![FieldProblem::new(&self.name, "type", message)];
        }
        let value = match self.schema_type.as_str() {
            "integer" => text.parse::<i64>().map(Value::from).ok(),
            "boolean" => text.parse::<bool>().map(Value::from).ok(),
            _ => Some(Value::from(text)),
        };
        let value = value.unwrap_or_else(|| Value::from(text));
        distinct(self.validator.iter_errors(&value).map(|error| describe(&error, &self.name)))
    }
}

fn compile(schema: &Value, components: &Value) -> Result<Validator, String> {
    let mut root = schema.clone();
    root["components"] = components.clone();
    let mut options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    for (name, problem_of) in FORMATS {
        options = options.with_format(name, move |text: &str| problem_of(text).is_none());
    }
    options.build(&root).map_err(|error| error.to_string())
}

/// A broken rule as a person would say it. The value itself is never repeated: it may be a password.
fn describe(error: &ValidationError<'_>, field: &str) -> FieldProblem {
    let mut path: Vec<String> = Vec::new();
    path.extend(Some(field).filter(|field| !field.is_empty()).map(str::to_owned));
    path.extend(
        error.instance_path().as_str().split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~")),
    );
    let message = match error.kind() {
        Kind::Required { property } => {
            path.push(property.as_str().unwrap_or_default().to_owned());
            "is required".to_owned()
        }
        Kind::Format { format } => reason_of_format(format, error.instance()),
        Kind::Type { kind } => format!("must be {}", names_of_type(kind)),
        Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinLength { limit } => format!("must be at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must be at most {limit} characters"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::Enum { options } => format!("must be one of {options}"),
        Kind::Pattern { .. } => "has characters that are not allowed here".to_owned(),
        _ => "is not valid".to_owned(),
    };
    let field = if path.is_empty() { "body".to_owned() } else { path.join(".") };
    FieldProblem::new(field, snake_case(error.kind().keyword()), message)
}

/// A length and a format can say the same of one field; once is enough.
fn distinct(problems: impl Iterator<Item = FieldProblem>) -> Vec<FieldProblem> {
    let mut kept: Vec<FieldProblem> = Vec::new();
    for problem in problems {
        if !kept.iter().any(|other| other.field == problem.field && other.message == problem.message) {
            kept.push(problem);
        }
    }
    kept
}

fn reason_of_format(format: &str, instance: &Value) -> String {
    let known = FORMATS.iter().find(|(name, _)| *name == format);
    let reason = known.and_then(|(_, problem_of)| problem_of(instance.as_str().unwrap_or_default()));
    reason.unwrap_or_else(|| format!("must be a valid {format}"))
}

fn names_of_type(kind: &TypeKind) -> String {
    let names: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(several) => several.iter().map(|one| one.to_string()).collect(),
    };
    names
        .iter()
        .map(|name| if name == "null" { name.clone() } else { format!("{} {name}", article(name)) })
        .collect::<Vec<_>>()
        .join(" or ")
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
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
    use serde_json::json;

    use super::*;
    use crate::api::policy::Policy;

    #[test]
    fn keywords_become_snake_case() {
        assert_eq!(snake_case("minLength"), "min_length");
        assert_eq!(snake_case("required"), "required");
    }

    #[test]
    fn a_format_explains_itself() {
        assert_eq!(reason_of_format("email", &json!("nobody")), "must contain an @");
        assert_eq!(reason_of_format("uri", &json!("x")), "must be a valid uri");
    }

    #[test]
    fn what_the_document_does_not_have_is_not_taken_for_free_of_rules() {
        let rules = Rules::new(Arc::new(crate::api::documents("/api/v1").unwrap()));
        let check = |method, template: &str| {
            let operation = Operation { method, template: template.into(), policy: Policy::default() };
            rules.check_parameters(&operation, &[], &[], &HeaderMap::new()).map(|problems| problems.len())
        };
        assert_eq!(check(Method::GET, "/api/v1/users"), Some(0));
        assert_eq!(check(Method::GET, "/api/v1/users/{id}"), Some(1), "the id is required");
        assert_eq!(check(Method::PUT, "/api/v1/users"), None);
        assert_eq!(check(Method::GET, "/api/v1/nowhere"), None);
    }
}
