//! The methods by resource in Java. They call the generated `…Api` classes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::model::{IDEMPOTENCY_KEY, Kind, Operation, Resource, Response};
use super::names::{camel, free, pascal};
use super::{NOTICE, schemas};

/// Methods of the classes that have the resources.
const MEMBERS: [&str; 10] = [
    "anonymous",
    "apiClient",
    "baseUrl",
    "http",
    "login",
    "logout",
    "observer",
    "resume",
    "sender",
    "tokens",
];

/// Methods that every class has.
const OBJECT: [&str; 9] =
    ["clone", "equals", "finalize", "getClass", "hashCode", "notify", "notifyAll", "toString", "wait"];

const KEYWORDS: [&str; 50] = [
    "abstract",
    "assert",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extends",
    "final",
    "finally",
    "float",
    "for",
    "goto",
    "if",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "transient",
    "try",
    "void",
    "volatile",
    "while",
];

/// The file `Resources.java` of the package.
pub fn render(resources: &[Resource], package: &str) -> String {
    let mut code = format!("// {NOTICE}\npackage {package};\n\n");
    for import in imports(resources, package) {
        let _ = writeln!(code, "import {import};");
    }
    code.push_str(
        "\n/** All operations, by resource. */\npublic abstract class Resources {\n    Resources() {}\n\n",
    );
    code.push_str("    /** Sends the requests. */\n    abstract ApiClient sender();\n");
    for Resource { name, .. } in resources {
        let (method, class) = (accessor(name), pascal(name));
        let _ = write!(
            code,
            "\n    /** The operations of {name}. */\n    public {class}Resource {method}() {{\n        \
             return new {class}Resource(new {class}Api(sender()));\n    }}\n"
        );
    }
    for resource in resources {
        code.push_str(&class(resource));
    }
    code.push_str("}\n");
    code
}

fn imports(resources: &[Resource], package: &str) -> BTreeSet<String> {
    let operations = || resources.iter().flat_map(|resource| &resource.operations);
    let mut imports =
        BTreeSet::from(["ApiClient", "ApiException"].map(|name| format!("{package}.http.{name}")));
    imports.extend(resources.iter().map(|resource| format!("{package}.api.{}Api", pascal(&resource.name))));
    imports.extend(schemas(resources, named).iter().map(|name| format!("{package}.model.{name}")));
    if operations().any(|operation| !operation.headers.is_empty()) {
        imports.insert("java.util.Map".to_owned());
    }
    if operations().any(|operation| !operation.query.is_empty()) {
        imports.insert("java.util.function.Consumer".to_owned());
    }
    if operations().any(|operation| matches!(operation.response, Response::Page { .. })) {
        imports.insert("java.util.stream.Stream".to_owned());
    }
    let path_kinds =
        operations().flat_map(|operation| &operation.path_parameters).map(|parameter| &parameter.kind);
    imports.extend(path_kinds.filter_map(|kind| match kind {
        Kind::Timestamp => Some("java.time.OffsetDateTime".to_owned()),
        Kind::Date => Some("java.time.LocalDate".to_owned()),
        Kind::Uuid => Some("java.util.UUID".to_owned()),
        Kind::Array(_) => Some("java.util.List".to_owned()),
        _ => None,
    }));
    imports
}

/// The schemas that the method names.
fn named(operation: &Operation) -> Vec<&str> {
    let response: Vec<&String> = match &operation.response {
        Response::Empty => vec![],
        Response::One(name) => vec![name],
        Response::Page { page, item } => vec![page, item],
    };
    operation.body.iter().chain(response).map(String::as_str).collect()
}

fn class(Resource { name, operations }: &Resource) -> String {
    let class = pascal(name);
    let mut code = format!(
        "\n    /** The operations of {name}. */\n    public static final class {class}Resource {{\n        \
         private final {class}Api api;\n\n        {class}Resource({class}Api api) {{\n            \
         this.api = api;\n        }}\n"
    );
    for operation in operations {
        code.push_str(&method(&class, operation));
    }
    code.push_str("    }\n");
    code
}

fn method(class: &str, operation: &Operation) -> String {
    let is_paged = matches!(operation.response, Response::Page { .. });
    match (operation.query.is_empty() && !is_paged, operation.headers.is_empty()) {
        (true, true) => plain(operation),
        (true, false) => with_headers(operation),
        (false, _) => with_query(class, operation),
    }
}

/// The method that has the methods of a resource.
pub fn accessor(resource: &str) -> String {
    free(&camel(resource), &[&MEMBERS[..], &OBJECT, &KEYWORDS].concat())
}

/// The method of an operation.
pub fn name(operation: &Operation) -> String {
    free(&camel(&operation.name), &[&OBJECT[..], &KEYWORDS].concat())
}

/// What a method takes apart from the query: path parameters and body, each with its type and with
/// the name that the request's builder gives it.
fn arguments(operation: &Operation) -> Vec<(String, String, String)> {
    let in_path = operation.path_parameters.iter().map(|parameter| {
        let name = camel(&parameter.name);
        (type_of(&parameter.kind), name.clone(), name)
    });
    let body = operation.body.iter().map(|body| (body.clone(), "body".to_owned(), camel_of_pascal(body)));
    in_path.chain(body).collect()
}

/// The method of an operation without a query.
fn plain(operation: &Operation) -> String {
    let (arguments, name) = (arguments(operation), name(operation));
    let declared: Vec<_> = arguments.iter().map(|(kind, name, _)| format!("{kind} {name}")).collect();
    let passed: Vec<_> = arguments.iter().map(|(_, name, _)| name.as_str()).collect();
    let call = format!("api.{}({})", camel(&operation.id), passed.join(", "));
    let (result, statement) = result(operation, &call);
    format!(
        "\n        /** {}. */\n        public {result} {name}({}) throws ApiException {{\n            \
         {statement};\n        }}\n",
        operation.summary,
        declared.join(", ")
    )
}

/// The methods of an operation with optional headers: without any, and with some.
fn with_headers(operation: &Operation) -> String {
    let (arguments, name) = (arguments(operation), name(operation));
    let declared: Vec<_> = arguments.iter().map(|(kind, name, _)| format!("{kind} {name}")).collect();
    let passed: Vec<_> = arguments.iter().map(|(_, name, _)| name.as_str()).collect();
    let has_key = operation.headers.iter().any(|header| header.name == IDEMPOTENCY_KEY);
    let headers = if has_key { "RequestHeaders.withKey(headers)" } else { "headers" };
    let call = format!("api.{}({})", camel(&operation.id), [&passed[..], &[headers]].concat().join(", "));
    let (result, statement) = result(operation, &call);
    let keyword = if result == "void" { "" } else { "return " };
    let none = [&passed[..], &["Map.of()"]].concat().join(", ");
    let summary = &operation.summary;
    let with_headers =
        declared.iter().map(String::as_str).chain(["Map<String, String> headers"]).collect::<Vec<_>>();
    format!(
        "\n        /** {summary}. */\n        public {result} {name}({}) throws ApiException {{\n            \
         {keyword}{name}({none});\n        }}\n\n        /**\n         * {summary}.\n         *\n         \
         * @param headers see {{@link RequestHeaders}}\n         */\n        \
         public {result} {name}({}) throws ApiException {{\n            {statement};\n        }}\n",
        declared.join(", "),
        with_headers.join(", ")
    )
}

/// The type of an operation's result, and the statement that returns it.
fn result<'a>(operation: &'a Operation, call: &str) -> (&'a str, String) {
    match &operation.response {
        Response::Empty => ("void", call.to_owned()),
        Response::One(schema) | Response::Page { item: schema, .. } => (schema, format!("return {call}")),
    }
}

/// The method of an operation with a query, which a function sets; without the function if all of
/// its parameters are optional.
fn with_query(class: &str, operation: &Operation) -> String {
    let (arguments, name) = (arguments(operation), name(operation));
    let builder = format!("{class}Api.API{}Request", pascal(&operation.id));
    let declared: Vec<_> = arguments.iter().map(|(kind, name, _)| format!("{kind} {name}")).collect();
    let passed = arguments.iter().map(|(_, name, _)| name.as_str()).chain(["query -> {}"]);
    let setters: Vec<_> = arguments.iter().map(|(_, name, setter)| format!(".{setter}({name})")).collect();
    let build = format!("{builder}.Builder request = {builder}.newBuilder(){};", setters.concat());
    let call = camel(&operation.id);
    let (result, throws, note, body) = if let Response::Page { page, item } = &operation.response {
        let body = format!(
            "            return Pages.stream(\n                    token -> {{\n                        {build}\n\
             \x20                       query.accept(request);\n                        \
             return api.{call}(request.pageToken(token).build());\n                    }},\n                    \
             {page}::getItems,\n                    {page}::getNextPage);\n"
        );
        let note = ", page by page. A failure is thrown as an {@link UncheckedApiException}";
        (format!("Stream<{item}>"), "", note, body)
    } else {
        let (kind, statement) = result(operation, &format!("api.{call}(request.build())"));
        let body =
            format!("            {build}\n            query.accept(request);\n            {statement};\n");
        (kind.to_owned(), " throws ApiException", "", body)
    };
    let summary = format!("{}{note}", operation.summary);
    let mut code = String::new();
    if operation.query.iter().all(|parameter| !parameter.is_required) {
        let keyword = if result == "void" { "" } else { "return " };
        let _ = write!(
            code,
            "\n        /** {summary}. */\n        public {result} {name}({}){throws} {{\n            \
             {keyword}{name}({});\n        }}\n",
            declared.join(", "),
            passed.collect::<Vec<_>>().join(", ")
        );
    }
    let with_query = declared.into_iter().chain([format!("Consumer<{builder}.Builder> query")]);
    let _ = write!(
        code,
        "\n        /**\n         * {summary}.\n         *\n         * @param query sets the query's parameters\n         \
         */\n        public {result} {name}({}){throws} {{\n{body}        }}\n",
        with_query.collect::<Vec<_>>().join(", ")
    );
    code
}

/// `UserCreate` as `userCreate`.
fn camel_of_pascal(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "Boolean".to_owned(),
        Kind::Int32 => "Integer".to_owned(),
        Kind::Int64 => "Long".to_owned(),
        Kind::Number => "Double".to_owned(),
        Kind::Text => "String".to_owned(),
        Kind::Timestamp => "OffsetDateTime".to_owned(),
        Kind::Date => "LocalDate".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::Schema(name) => name.clone(),
        Kind::Array(kind) => format!("List<{}>", type_of(kind)),
    }
}
