//! The methods by resource in Rust. They return the builders that progenitor generates.

use std::fmt::Write as _;

use super::NOTICE;
use super::model::{IDEMPOTENCY_KEY, Kind, Operation, Resource, Response};
use super::names::{free, pascal};

/// Methods of `Client` and `Session`.
const MEMBERS: [&str; 9] = [
    "api_version",
    "baseurl",
    "client",
    "expires_in",
    "inner",
    "log_out",
    "new",
    "new_with_client",
    "token_type",
];

const KEYWORDS: [&str; 38] = [
    "Self", "as", "async", "await", "box", "break", "const", "continue", "crate", "dyn", "else", "enum",
    "extern", "false", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut",
    "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use",
];

/// The file `resources.rs`.
pub fn render(resources: &[Resource]) -> String {
    let mut code =
        format!("// {NOTICE}\n\n//! The operations by resource, such as `session.users().list()`.\n\n");
    let operations = || resources.iter().flat_map(|resource| &resource.operations);
    let pages: Vec<_> = operations().filter_map(|operation| Some((operation, item(operation)?))).collect();
    if !pages.is_empty() {
        code.push_str("use futures_util::stream::Stream;\n\nuse crate::pages::stream;\n");
    }
    code.push_str("use crate::{Client, builder, types");
    code.push_str(if pages.is_empty() { "};\n" } else { ", Error, ResponseValue};\n" });
    code.push_str("\n/// The operations by resource.\nimpl Client {\n");
    for Resource { name, .. } in resources {
        let method = accessor(name);
        let class = pascal(name);
        let _ = writeln!(
            code,
            "/// The operations of `{name}`.\npub fn {method}(&self) -> {class}Resource<'_> {{ {class}Resource(self) }}"
        );
    }
    code.push_str("}\n");
    for resource in resources {
        code.push_str(&class(resource));
    }
    for (operation, item) in pages {
        code.push_str(&all_pages(operation, item));
    }
    code
}

fn item(operation: &Operation) -> Option<&str> {
    match &operation.response {
        Response::Page { item, .. } => Some(item),
        _ => None,
    }
}

fn class(Resource { name, operations }: &Resource) -> String {
    let class = pascal(name);
    let mut code = format!(
        "\n/// The operations of `{name}`. Each is sent by `send()`.\n#[derive(Clone, Copy, Debug)]\n\
         pub struct {class}Resource<'a>(&'a Client);\n\nimpl<'a> {class}Resource<'a> {{\n"
    );
    for operation in operations {
        code.push_str(&method(operation));
    }
    code.push_str("}\n");
    code
}

fn method(operation: &Operation) -> String {
    let Operation { id, summary, body, .. } = operation;
    let (mut arguments, mut set) = (String::new(), String::new());
    for parameter in &operation.path_parameters {
        let name = identifier(&parameter.name);
        let _ = write!(arguments, ", {name}: {}", type_of(&parameter.kind));
        let _ = write!(set, ".{name}({name})");
    }
    if let Some(body) = body {
        let _ = write!(arguments, ", body: impl Into<types::{body}>");
        set.push_str(".body(body.into())");
    }
    if operation.headers.iter().any(|header| header.name == IDEMPOTENCY_KEY) {
        set.push_str(".idempotency_key(crate::retry::new_key())");
    }
    let (name, builder) = (identifier(&operation.name), pascal(id));
    format!(
        "/// {summary}.\npub fn {name}(self{arguments}) -> builder::{builder}<'a> {{ self.0.{id}(){set} }}\n\n"
    )
}

/// The method of a list's builder that iterates over all pages.
fn all_pages(operation: &Operation, item: &str) -> String {
    format!(
        "\nimpl<'a> builder::{}<'a> {{\n\
         /// All items that match the query. Each page is requested when it is needed. An error is the last\n\
         /// item.\n\
         pub fn stream(self) -> impl Stream<Item = Result<types::{item}, Error>> + use<'a> {{\n\
         stream(self, |query| async move {{\n\
         let page = query.clone().send().await.map(ResponseValue::into_inner)?;\n\
         Ok((page.items, page.next_page.map(|token| query.page_token(token))))\n\
         }})\n}}\n}}\n",
        pascal(&operation.id)
    )
}

/// The name of a method, from the operation, the parameter or the field that it stands for.
pub fn identifier(name: &str) -> String {
    free(name, &KEYWORDS)
}

/// The method that has the methods of a resource.
pub fn accessor(resource: &str) -> String {
    free(resource, &[&MEMBERS[..], &KEYWORDS].concat())
}

fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "bool".to_owned(),
        Kind::Int32 => "i32".to_owned(),
        Kind::Int64 => "i64".to_owned(),
        Kind::Number => "f64".to_owned(),
        Kind::Text => "&str".to_owned(),
        Kind::Timestamp => "chrono::DateTime<chrono::Utc>".to_owned(),
        Kind::Date => "chrono::NaiveDate".to_owned(),
        Kind::Uuid => "uuid::Uuid".to_owned(),
        Kind::Schema(name) => format!("types::{name}"),
        Kind::Array(kind) => format!("Vec<{}>", type_of(kind)),
    }
}
