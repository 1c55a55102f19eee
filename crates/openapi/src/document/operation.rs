//! Operations in their canonical form.

use serde_json::{Map, Value, json};

use super::responses::{self, complete_content};
use super::traits::{self, ALLOWED_ROLES, REQUIRED_SCOPE, SUNSET};
use super::{Config, DocumentError, drop_empty, drop_where, headers, reorder};

const ORDER: [&str; 13] = [
    "operationId",
    "tags",
    "summary",
    "description",
    "externalDocs",
    "deprecated",
    SUNSET,
    "security",
    ALLOWED_ROLES,
    REQUIRED_SCOPE,
    "parameters",
    "requestBody",
    "responses",
];

/// Rewrites every operation of the document.
pub(super) fn canonicalise_all(
    root: &mut Map<String, Value>,
    components: &Value,
    config: &Config<'_>,
) -> Result<(), DocumentError> {
    for (path, method, operation) in all(root, "paths") {
        headers::complete_parameters(method, operation);
        check_path_parameters(path, operation)
            .and_then(|()| traits::take(operation))
            .and_then(|traits| responses::complete(method, operation, &traits, config))
            .map_err(|violation| error_of(path, method, violation))?;
        if !operation.contains_key("security") {
            operation.insert("security".to_owned(), json!([]));
        }
        canonicalise(operation, components);
        if method == "patch" {
            shorten_example(operation, components);
        }
    }
    // The responses of a webhook are the receiver's: this service's errors are not among them.
    for (path, method, operation) in all(root, "webhooks") {
        traits::take(operation).map_err(|violation| error_of(path, method, violation))?;
        if !operation.contains_key("security") {
            operation.insert("security".to_owned(), json!([]));
        }
        // openapi-generator would make functions of it that call this service, and that do not compile
        // in Python and TypeScript. It leaves out what is internal; the types of the bodies stay.
        operation.insert("x-internal".to_owned(), json!(true));
        canonicalise(operation, components);
    }
    Ok(())
}

/// poem binds path parameters by position, so that another order swaps their values.
fn check_path_parameters(path: &str, operation: &Map<String, Value>) -> Result<(), String> {
    let names = path.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let template: Vec<_> = names.map(|(name, _)| name).collect();
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let in_path = parameters.filter(|parameter| parameter["in"] == "path");
    let declared: Vec<_> = in_path.filter_map(|parameter| parameter["name"].as_str()).collect();
    if template == declared {
        return Ok(());
    }
    Err(format!("declares the path parameters {declared:?} where the path has {template:?}"))
}

fn error_of(path: &str, method: &str, violation: String) -> DocumentError {
    DocumentError::Operation { operation: format!("{} {path}", method.to_uppercase()), violation }
}

/// Every operation of the paths or of the webhooks, with its path and method.
pub(super) fn all<'a>(
    root: &'a mut Map<String, Value>,
    surface: &str,
) -> impl Iterator<Item = (&'a str, &'a str, &'a mut Map<String, Value>)> {
    let items = root.get_mut(surface).and_then(Value::as_object_mut).into_iter().flatten();
    items.flat_map(|(path, item)| {
        let operations = item.as_object_mut().into_iter().flatten();
        operations.filter_map(|(method, operation)| {
            Some((path.as_str(), method.as_str(), operation.as_object_mut()?))
        })
    })
}

fn canonicalise(operation: &mut Map<String, Value>, components: &Value) {
    drop_where(operation, "deprecated", false);
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(parameter) = parameter.as_object_mut() {
            canonicalise_parameter(parameter);
        }
    }
    drop_empty(operation, &["tags", "parameters"]);
    if let Some(request) = operation.get_mut("requestBody").and_then(Value::as_object_mut) {
        complete_content(request, components);
        reorder(request, &["description", "required", "content"]);
    }
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, response) in responses.filter(|(status, _)| status.starts_with('2')) {
        if let Some(response) = response.as_object_mut() {
            complete_content(response, components);
        }
    }
    reorder(operation, &ORDER);
}

/// The example of a patch changes one field, and rather none that people log in with: it will be
/// pasted.
fn shorten_example(operation: &mut Map<String, Value>, components: &Value) {
    let content = operation.get_mut("requestBody").and_then(|body| body.get_mut("content")?.as_object_mut());
    for media_type in content.into_iter().flatten().filter_map(|(_, it)| it.as_object_mut()) {
        let name = media_type["schema"]["$ref"].as_str().and_then(|path| path.strip_prefix("#/components"));
        let Some(schema) = name.and_then(|path| components.pointer(path)).cloned() else { continue };
        let Some(example) = media_type.get_mut("example").and_then(Value::as_object_mut) else { continue };
        let is_credential =
            |name: &str| matches!(schema["properties"][name]["format"].as_str(), Some("email" | "password"));
        if let Some(shown) = example.keys().find(|name| !is_credential(name)).cloned() {
            example.retain(|name, _| *name == shown);
        }
    }
}

fn canonicalise_parameter(parameter: &mut Map<String, Value>) {
    drop_where(parameter, "deprecated", false);
    drop_where(parameter, "explode", true);
    // A type that says what its values are says it for every parameter.
    if !parameter.contains_key("description")
        && let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut)
        && let Some(description) = schema.shift_remove("description")
    {
        parameter.insert("description".to_owned(), description);
    }
    reorder(
        parameter,
        &["name", "in", "description", "required", "deprecated", "style", "explode", "schema"],
    );
}
