//! Checks every response of every test against the document: status, headers, media type and body.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::client::Answer;
use super::observed;

/// Served beside the API and not described by its document.
const PAGES: [&str; 7] =
    ["/docs", "/redoc", "/openapi", "/verify-email", "/reset-password", "/confirm-email", "/links/"];
const JSON: &str = "application/json";

/// The document as a judge of answers.
pub struct Contract {
    pub document: Value,
    /// Compiled once a schema; the schema's text is the key.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// The contract of version 1 under its usual prefix.
pub fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let documents = groundwork::api::documents("/api/v1").expect("a document");
        Contract::new(serde_json::from_str(&documents.json).unwrap())
    })
}

impl Contract {
    pub fn new(document: Value) -> Self {
        Self { document, validators: Mutex::default() }
    }

    /// Says how an answer to `method` on `path` departs from the document.
    pub fn check(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let preflight = method == "OPTIONS" && answer.status == 204;
        let fine = answer.status.is_success() || answer.status == 304;
        if preflight || (fine && PAGES.iter().any(|page| path.starts_with(page))) {
            return Ok(());
        }
        let described = match method {
            // HEAD is GET without the content (RFC 9110, 9.3.2).
            "HEAD" => "get".to_owned(),
            // Names of methods are case-sensitive (RFC 9110, 9.1): `get` is another one than GET.
            _ if method == method.to_uppercase() => method.to_lowercase(),
            _ => String::new(),
        };
        match self.path_item(path).map(|item| &item[described]) {
            Some(operation) if operation.is_object() => self.check_documented(operation, method, answer),
            item => self.check_unknown(
                if item.is_some() { &[405, 413] } else { &[404, 405, 413] },
                method,
                answer,
            ),
        }
    }

    /// Says how the body of a message to a webhook departs from the document.
    pub fn check_event(&self, body: &Value) -> Result<(), String> {
        let described = &self.document["webhooks"][body["type"].as_str().unwrap_or_default()]["post"];
        let schema = &described["requestBody"]["content"][JSON]["schema"];
        if schema.is_null() {
            return Err(format!("the type {} is not documented", body["type"]));
        }
        let problems: Vec<_> =
            self.validator(schema).iter_errors(body).map(|error| error.to_string()).collect();
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        self.find_undocumented(schema, body, "")
    }

    /// What the document says of a path; a template's own words win over its parameters.
    fn path_item(&self, path: &str) -> Option<&Value> {
        let wanted: Vec<&str> = path.split('/').collect();
        let is_parameter = |segment: &str| segment.starts_with('{');
        let fits = |template: &str| {
            let segments: Vec<&str> = template.split('/').collect();
            let mut pairs = segments.iter().zip(&wanted);
            segments.len() == wanted.len()
                && pairs.all(|(known, given)| known == given || (is_parameter(known) && !given.is_empty()))
        };
        let paths = self.document["paths"].as_object().expect("paths");
        let fitting = paths.iter().filter(|(template, _)| fits(template));
        let best =
            fitting.min_by_key(|(template, _)| template.split('/').filter(|s| is_parameter(s)).count());
        best.map(|(_, item)| item)
    }

    /// The document as a whole is held against an answer, and the answer is noted.
    fn check_documented(&self, operation: &Value, method: &str, answer: &Answer) -> Result<(), String> {
        self.check_response(operation, method, answer)?;
        observed::note(operation["operationId"].as_str().expect("an id"), answer.status.as_u16());
        Ok(())
    }

    /// The services of tests limit their clients, so that optional headers are there as well, but for
    /// one that only an answer of before has.
    fn check_headers(&self, response: &Value, answer: &Answer) -> Result<(), String> {
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            // Of two errors with one status, one has the header.
            if name == "WWW-Authenticate"
                && answer.status == 403
                && answer.json()["error"] != "insufficient_scope"
            {
                continue;
            }
            if name == "Idempotency-Replayed" && !answer.headers.contains_key(name) {
                continue;
            }
            let Some(value) = answer.headers.get(name).and_then(|value| value.to_str().ok()) else {
                return Err(format!("the documented header {name} is missing"));
            };
            let schema = &self.resolve(header)["schema"];
            let number = value.parse::<i64>().ok().filter(|_| schema["type"] == "integer").map(Value::from);
            if !self.validator(schema).is_valid(&number.unwrap_or_else(|| value.into())) {
                return Err(format!("the header {name} is {value:?}, which its schema does not allow"));
            }
        }
        Ok(())
    }

    fn check_response(&self, operation: &Value, method: &str, answer: &Answer) -> Result<(), String> {
        let response = self.resolve(&operation["responses"][answer.status.as_str()]);
        if response.is_null() {
            return Err(format!("the status {} is not documented", answer.status.as_u16()));
        }
        self.check_headers(response, answer)?;
        let Some(content) = response["content"].as_object() else {
            let empty = answer.text.is_empty() && !answer.headers.contains_key("content-type");
            return if empty { Ok(()) } else { Err("a body where none is documented".to_owned()) };
        };
        let Some(media) = content.get(answer.header("content-type")) else {
            return Err(format!("the content type {:?} is not documented", answer.header("content-type")));
        };
        if method == "HEAD" {
            return if answer.text.is_empty() { Ok(()) } else { Err("HEAD has a body".to_owned()) };
        }
        let body = self.check_body(&media["schema"], answer)?;
        // The document lists an error's codes as the names of its examples.
        if let (false, Some(code)) = (answer.status.is_success(), body["error"].as_str())
            && media["examples"].get(code).is_none()
        {
            return Err(format!("the code {code} is not documented for {}", answer.status.as_u16()));
        }
        Ok(())
    }

    /// Where the document is silent, only the uniform error body is right.
    fn check_unknown(&self, allowed: &[u16], method: &str, answer: &Answer) -> Result<(), String> {
        if !allowed.contains(&answer.status.as_u16()) {
            return Err(format!("{} where the document knows nothing", answer.status.as_u16()));
        }
        if answer.header("content-type") != JSON {
            return Err(format!("an error of the type {:?}", answer.header("content-type")));
        }
        if method == "HEAD" {
            return Ok(());
        }
        self.check_body(&json!({"$ref": "#/components/schemas/ErrorBody"}), answer).map(drop)
    }

    fn check_body(&self, schema: &Value, answer: &Answer) -> Result<Value, String> {
        let body: Value = serde_json::from_str(&answer.text).map_err(|error| error.to_string())?;
        let problems: Vec<String> = self
            .validator(schema)
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        self.find_undocumented(schema, &body, "")?;
        Ok(body)
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let compile = || {
            let mut root = schema.clone();
            root["components"] = self.document["components"].clone();
            let options = jsonschema::options().with_draft(Draft::Draft202012);
            Arc::new(options.should_validate_formats(true).build(&root).expect("a schema that compiles"))
        };
        let mut validators = self.validators.lock().unwrap();
        Arc::clone(validators.entry(schema.to_string()).or_insert_with(compile))
    }

    /// JSON Schema allows what it does not name; a field that it does not describe is a leak or was
    /// forgotten.
    fn find_undocumented(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        // A nullable reference, with the null behind it.
        let schema = match schema["anyOf"].as_array().map(Vec::as_slice) {
            Some([schema, null]) if null["type"] == "null" => self.resolve(schema),
            _ => self.resolve(schema),
        };
        for word in ["allOf", "anyOf", "oneOf"] {
            assert!(schema.get(word).is_none(), "teach this check what {word} means: {schema}");
        }
        if schema["additionalProperties"] == true || *schema == json!({}) {
            return Ok(());
        }
        for (name, field) in value.as_object().into_iter().flatten() {
            let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
            let known = known.filter(|known| known.is_object());
            let known = known.ok_or_else(|| format!("the field {place}/{name} is not documented"))?;
            self.find_undocumented(known, field, &format!("{place}/{name}"))?;
        }
        let mut items = value.as_array().into_iter().flatten();
        items.try_for_each(|item| self.find_undocumented(&schema["items"], item, &format!("{place}/*")))
    }

    fn resolve<'a>(&'a self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).expect(reference),
            None => part,
        }
    }
}
