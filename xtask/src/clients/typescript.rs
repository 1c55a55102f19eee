//! The methods by resource in TypeScript.

use std::fmt::Write as _;

use super::model::{IDEMPOTENCY_KEY, Kind, Operation, Parameter, Resource, Response};
use super::names::{camel, free, pascal};
use super::{NOTICE, schemas};

/// Members of the classes that have the resources as properties.
const MEMBERS: [&str; 6] = ["api", "constructor", "login", "logout", "tokens", "toString"];

/// The file `src/generated/resources.ts`.
pub fn render(resources: &[Resource]) -> String {
    let mut code = format!("// {NOTICE}\n");
    code.push_str("import type { Api } from '../api.js';\n");
    code.push_str("import { unwrap } from '../errors.js';\n");
    if resources.iter().flat_map(|resource| &resource.operations).any(has_key) {
        code.push_str("import { newKey } from '../retry.js';\n");
    }
    if resources.iter().flat_map(|resource| &resource.operations).any(is_paged) {
        code.push_str("import { Pager } from '../pages.js';\n");
    }
    let names = schemas(resources, named);
    let _ = writeln!(
        code,
        "import type {{ {} }} from './schema.js';",
        [&names[..], &["operations"]].concat().join(", ")
    );
    for resource in resources {
        code.push_str(&class(resource));
    }
    code.push_str(&facade(resources));
    code
}

/// The schemas that the signature of the method names.
fn named(operation: &Operation) -> Vec<&str> {
    let response = match &operation.response {
        Response::Empty => None,
        Response::One(name) | Response::Page { item: name, .. } => Some(name),
    };
    let parameters = operation.path_parameters.iter().filter_map(|parameter| match &parameter.kind {
        Kind::Schema(name) => Some(name),
        _ => None,
    });
    operation.body.iter().chain(response).chain(parameters).map(String::as_str).collect()
}

fn is_paged(operation: &Operation) -> bool {
    matches!(operation.response, Response::Page { .. })
}

fn has_key(operation: &Operation) -> bool {
    operation.headers.iter().any(|header| header.name == IDEMPOTENCY_KEY)
}

fn class(resource: &Resource) -> String {
    let name = &resource.name;
    let mut code =
        format!("\n/** The operations of {name}. Each rejects if the service returns an error. */\n");
    let _ = writeln!(code, "export class {}Resource {{", pascal(name));
    code.push_str("  readonly #api: Api;\n\n  constructor(api: Api) {\n    this.#api = api;\n  }\n");
    for operation in &resource.operations {
        code.push_str(&method(operation));
    }
    code.push_str("}\n");
    code
}

fn method(operation: &Operation) -> String {
    let Operation { id, http_method, path, summary, body, .. } = operation;
    let (mut arguments, mut options, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
    if !operation.path_parameters.is_empty() {
        let name = |parameter: &Parameter| camel(&parameter.name);
        arguments.extend(
            operation
                .path_parameters
                .iter()
                .map(|parameter| format!("{}: {}", name(parameter), type_of(&parameter.kind))),
        );
        let entry = |parameter: &Parameter| match name(parameter) {
            same if same == parameter.name => same,
            other => format!("{}: {other}", parameter.name),
        };
        let entries: Vec<_> = operation.path_parameters.iter().map(entry).collect();
        parameters.push(format!("path: {{ {} }}", entries.join(", ")));
    }
    if let Some(body) = body {
        arguments.push(format!("body: {body}"));
    }
    let (is_paged, verb) = (is_paged(operation), http_method.to_uppercase());
    if !operation.query.is_empty() {
        let all = format!("NonNullable<operations['{id}']['parameters']['query']>");
        let query = if is_paged { format!("Omit<{all}, 'page_token'>") } else { all };
        let is_optional = operation.query.iter().all(|parameter| !parameter.is_required);
        arguments.push(format!("query: {query}{}", if is_optional { " = {}" } else { "" }));
    }
    match (is_paged, operation.query.is_empty()) {
        (true, true) => parameters.push("query: page".to_owned()),
        (true, false) => parameters.push("query: { ...query, ...page }".to_owned()),
        (false, false) => parameters.push("query".to_owned()),
        (false, true) => {}
    }
    if !operation.headers.is_empty() {
        let property = |header: &Parameter| camel(&header.name.to_ascii_lowercase().replace('-', "_"));
        let declared: Vec<_> =
            operation.headers.iter().map(|header| format!("{}?: string", property(header))).collect();
        arguments.push(format!("options: {{ {} }} = {{}}", declared.join("; ")));
        let given = |header: &Parameter| {
            let (name, property) = (&header.name, property(header));
            if name == IDEMPOTENCY_KEY {
                format!("'{name}': options.{property} ?? newKey()")
            } else {
                format!("...(options.{property} === undefined ? {{}} : {{ '{name}': options.{property} }})")
            }
        };
        let given: Vec<_> = operation.headers.iter().map(given).collect();
        parameters.push(format!("header: {{ {} }}", given.join(", ")));
    }
    if !parameters.is_empty() {
        options.push(format!("params: {{ {} }}", parameters.join(", ")));
    }
    if body.is_some() {
        options.push("body".to_owned());
    }
    let options = if options.is_empty() { String::new() } else { format!(", {{ {} }}", options.join(", ")) };
    let call = format!("this.#api.{verb}('{path}'{options})");
    let (result, statement) = match &operation.response {
        Response::Empty => ("Promise<void>".to_owned(), format!("unwrap({call})")),
        Response::One(name) => (format!("Promise<{name}>"), format!("unwrap({call})")),
        Response::Page { item, .. } => (format!("Pager<{item}>"), format!("new Pager((page) => {call})")),
    };
    let name = method_name(operation);
    let arguments = arguments.join(", ");
    format!("\n  /** {summary} */\n  {name}({arguments}): {result} {{\n    return {statement};\n  }}\n")
}

/// The class with a property per resource.
fn facade(resources: &[Resource]) -> String {
    let mut code = "\n/** All operations, by resource. */\nexport class Resources {\n".to_owned();
    for resource in resources {
        let _ =
            writeln!(code, "  readonly {}: {}Resource;", property(&resource.name), pascal(&resource.name));
    }
    code.push_str("\n  constructor(api: Api) {\n");
    for resource in resources {
        let _ = writeln!(
            code,
            "    this.{} = new {}Resource(api);",
            property(&resource.name),
            pascal(&resource.name)
        );
    }
    code.push_str("  }\n}\n");
    code
}

/// The property with the methods of a resource.
pub fn property(resource: &str) -> String {
    free(&camel(resource), &MEMBERS)
}

/// The method of an operation.
pub fn method_name(operation: &Operation) -> String {
    camel(&operation.name)
}

fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "boolean".to_owned(),
        Kind::Int32 | Kind::Int64 | Kind::Number => "number".to_owned(),
        Kind::Text | Kind::Timestamp | Kind::Date | Kind::Uuid => "string".to_owned(),
        Kind::Schema(name) => name.clone(),
        Kind::Array(kind) => format!("{}[]", type_of(kind)),
    }
}
