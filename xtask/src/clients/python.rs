//! The methods by resource in Python, for `Session` and `AsyncSession`.

use std::fmt::Write as _;

use super::model::{IDEMPOTENCY_KEY, Kind, Operation, PAGE_TOKEN, Parameter, Resource, Response};
use super::names::{free, pascal};
use super::{NOTICE, schemas};

/// Members of the classes that have the resources as attributes.
const MEMBERS: [&str; 6] = ["aclose", "client", "close", "login", "logout", "tokens"];

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// The two flavours of every class.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Sync,
    Async,
}

impl Flavour {
    fn prefix(self) -> &'static str {
        match self {
            Self::Sync => "",
            Self::Async => "Async",
        }
    }
}

/// The file `resources.py`.
pub fn render(resources: &[Resource]) -> String {
    let mut code =
        format!("# {NOTICE}\n\"\"\"The operations by resource, such as `session.users.list()`.\"\"\"\n\n");
    code.push_str(&imports(resources));
    for flavour in [Flavour::Sync, Flavour::Async] {
        for resource in resources {
            code.push_str(&class(resource, flavour));
        }
        code.push_str(&facade(resources, flavour));
    }
    code
}

fn imports(resources: &[Resource]) -> String {
    let operations = || resources.iter().flat_map(|resource| &resource.operations);
    let parameters =
        || operations().flat_map(|operation| operation.path_parameters.iter().chain(&operation.query));
    let has = |kind: &Kind| parameters().any(|parameter| innermost(&parameter.kind) == kind);
    let mut code = String::new();
    if parameters().any(|parameter| matches!(parameter.kind, Kind::Array(_))) {
        code.push_str("from collections.abc import Sequence\n");
    }
    if has(&Kind::Timestamp) || has(&Kind::Date) {
        code.push_str("import datetime\n");
    }
    if has(&Kind::Uuid) {
        code.push_str("from uuid import UUID\n");
    }
    for Resource { name, operations } in resources {
        let modules: Vec<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
        let _ = writeln!(code, "from .api.{name} import {}", modules.join(", "));
    }
    code.push_str("from .client import AuthenticatedClient\nfrom .failures import ok\n");
    let _ = writeln!(code, "from .models import {}", schemas(resources, named).join(", "));
    if operations().any(|operation| matches!(operation.response, Response::Page { .. })) {
        code.push_str("from .pages import AsyncPager, Pager\n");
    }
    if operations().any(|operation| operation.headers.iter().any(|header| header.name == IDEMPOTENCY_KEY)) {
        code.push_str("from .retries import new_key\n");
    }
    let has_optional = |operation: &Operation| {
        !operation.headers.is_empty() || operation.query.iter().any(|parameter| !parameter.is_required)
    };
    if operations().any(has_optional) {
        code.push_str("from .types import UNSET, Unset\n");
    }
    code
}

/// The schemas that the signature of the method names.
fn named(operation: &Operation) -> Vec<&str> {
    let response = match &operation.response {
        Response::Empty => None,
        Response::One(name) | Response::Page { item: name, .. } => Some(name),
    };
    let parameters = operation.path_parameters.iter().chain(&operation.query);
    let parameters = parameters.filter_map(|parameter| match innermost(&parameter.kind) {
        Kind::Schema(name) => Some(name),
        _ => None,
    });
    operation.body.iter().chain(response).chain(parameters).map(String::as_str).collect()
}

fn innermost(kind: &Kind) -> &Kind {
    match kind {
        Kind::Array(kind) => innermost(kind),
        other => other,
    }
}

fn class(resource: &Resource, flavour: Flavour) -> String {
    let Resource { name, operations } = resource;
    let (class, prefix) = (pascal(name), flavour.prefix());
    let mut code = format!("\n\nclass {prefix}{class}Resource:\n");
    let _ = writeln!(code, "    \"\"\"The operations of {name}. Each raises an error response.\"\"\"\n");
    code.push_str("    def __init__(self, client: AuthenticatedClient) -> None:\n");
    code.push_str("        self._client = client\n");
    // A method named `list` would hide the type from the annotations below it, so no annotation
    // uses it.
    for operation in operations {
        code.push_str(&method(operation, flavour));
    }
    code
}

fn method(operation: &Operation, flavour: Flavour) -> String {
    let Operation { id, summary, body, response, .. } = operation;
    let name = method_name(operation);
    let is_paged = matches!(response, Response::Page { .. });
    let (mut arguments, mut passed) = (vec!["self".to_owned()], Vec::new());
    for parameter in &operation.path_parameters {
        let name = identifier(parameter);
        arguments.push(format!("{name}: {}", annotation(&parameter.kind)));
        passed.push(name);
    }
    passed.push("client=self._client".to_owned());
    if is_paged {
        passed.push(format!("{PAGE_TOKEN}=token"));
    }
    if let Some(body) = body {
        arguments.push(format!("body: {body}"));
        passed.push("body=body".to_owned());
    }
    if !operation.query.is_empty() || !operation.headers.is_empty() {
        arguments.push("*".to_owned());
    }
    for header in &operation.headers {
        let name = header.name.to_ascii_lowercase().replace('-', "_");
        arguments.push(format!("{name}: str | Unset = UNSET"));
        passed.push(if header.name == IDEMPOTENCY_KEY {
            format!("{name}=new_key() if isinstance({name}, Unset) else {name}")
        } else {
            format!("{name}={name}")
        });
    }
    for parameter in &operation.query {
        let (name, annotation) = (identifier(parameter), annotation(&parameter.kind));
        let is_required = parameter.is_required;
        let default = if is_required { "" } else { " | Unset = UNSET" };
        arguments.push(format!("{name}: {annotation}{default}"));
        passed.push(match parameter.kind {
            // The generated functions take a list, and a caller may have any sequence.
            Kind::Array(_) if is_required => format!("{name}=[*{name}]"),
            Kind::Array(_) => format!("{name}={name} if isinstance({name}, Unset) else [*{name}]"),
            _ => format!("{name}={name}"),
        });
    }
    let (arguments, passed, prefix) = (arguments.join(", "), passed.join(", "), flavour.prefix());
    let (keyword, call) = match flavour {
        Flavour::Sync => ("", format!("{id}.sync_detailed({passed})")),
        Flavour::Async if is_paged => ("", format!("{id}.asyncio_detailed({passed})")),
        Flavour::Async => ("async ", format!("await {id}.asyncio_detailed({passed})")),
    };
    let (result, statement) = match response {
        Response::Empty => ("None".to_owned(), format!("ok({call})")),
        Response::One(name) => (name.clone(), format!("return ok({call})")),
        Response::Page { item, .. } => {
            (format!("{prefix}Pager[{item}]"), format!("return {prefix}Pager(lambda token: {call})"))
        }
    };
    format!(
        "\n    {keyword}def {name}({arguments}) -> {result}:\n        \"\"\"{summary}.\"\"\"\n        {statement}\n"
    )
}

fn identifier(parameter: &Parameter) -> String {
    argument(&parameter.name)
}

/// The argument of a parameter or of a field of a body.
pub fn argument(name: &str) -> String {
    free(name, &KEYWORDS)
}

/// The method of an operation.
pub fn method_name(operation: &Operation) -> String {
    free(&operation.name, &KEYWORDS)
}

/// The attribute with the methods of a resource.
pub fn attribute(resource: &str) -> String {
    free(resource, &[&MEMBERS[..], &KEYWORDS].concat())
}

fn annotation(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "bool".to_owned(),
        Kind::Int32 | Kind::Int64 => "int".to_owned(),
        Kind::Number => "float".to_owned(),
        Kind::Text => "str".to_owned(),
        Kind::Timestamp => "datetime.datetime".to_owned(),
        Kind::Date => "datetime.date".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::Schema(name) => name.clone(),
        Kind::Array(kind) => format!("Sequence[{}]", annotation(kind)),
    }
}

/// The class with an attribute per resource.
fn facade(resources: &[Resource], flavour: Flavour) -> String {
    let prefix = flavour.prefix();
    let mut code = format!("\n\nclass {prefix}Resources:\n    \"\"\"All operations, by resource.\"\"\"\n\n");
    code.push_str("    def __init__(self, client: AuthenticatedClient) -> None:\n");
    for Resource { name, .. } in resources {
        let attribute = attribute(name);
        let _ = writeln!(code, "        self.{attribute} = {prefix}{}Resource(client)", pascal(name));
    }
    code
}
