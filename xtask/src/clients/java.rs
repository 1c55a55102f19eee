//! The methods by resource in Java. They call the generated `…Api` classes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::model::{Kind, Operation, Resource, Response};
use super::names::{camel, free, pascal};
use super::{NOTICE, schemas};

/// Methods of `Session`, `Groundwork` and `Object`.
const MEMBERS: [&str; 17] = [
    "anonymous",
    "apiClient",
    "clone",
    "equals",
    "finalize",
    "getClass",
    "hashCode",
    "http",
    "login",
    "logout",
    "notify",
    "notifyAll",
    "observer",
    "resume",
    "toString",
    "tokens",
    "wait",
];

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
        let (method, class) = (free(&camel(name), &[&MEMBERS[..], &KEYWORDS].concat()), pascal(name));
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
    let Operation { summary, body, response, .. } = operation;
    let (name, call) =
        (free(&camel(&operation.name), &[&MEMBERS[..], &KEYWORDS].concat()), camel(&operation.id));
    let mut arguments: Vec<String> = operation
        .path_parameters
        .iter()
        .map(|parameter| format!("{} {}", type_of(&parameter.kind), camel(&parameter.name)))
        .collect();
    let mut passed: Vec<String> =
        operation.path_parameters.iter().map(|parameter| camel(&parameter.name)).collect();
    if let Some(body) = body {
        arguments.push(format!("{body} body"));
        passed.push("body".to_owned());
    }
    let (result, keyword) = match response {
        Response::Empty => ("void", ""),
        Response::One(schema) => (schema.as_str(), "return "),
        Response::Page { item, .. } => (item.as_str(), "return "),
    };
    let is_paged = matches!(response, Response::Page { .. });
    if operation.query.is_empty() && !is_paged {
        let (arguments, passed) = (arguments.join(", "), passed.join(", "));
        return format!(
            "\n        /** {summary}. */\n        public {result} {name}({arguments}) throws ApiException {{\n            \
             {keyword}api.{call}({passed});\n        }}\n"
        );
    }
    let request = format!("{class}Api.API{}Request", pascal(&operation.id));
    let mut setters: String = operation
        .path_parameters
        .iter()
        .map(|parameter| format!(".{0}({0})", camel(&parameter.name)))
        .collect();
    if let Some(body) = body {
        let _ = write!(setters, ".{}(body)", camel_of_pascal(body));
    }
    let with_query = [&arguments[..], &[format!("Consumer<{request}.Builder> query")]].concat().join(", ");
    let build = |indent: &str| {
        format!(
            "{indent}{request}.Builder request = {request}.newBuilder(){setters};\n{indent}query.accept(request);\n"
        )
    };
    let (result, throws, statement) = match response {
        Response::Page { page, item } => (
            format!("Stream<{item}>"),
            "",
            format!(
                "            return Pages.stream(\n                    token -> {{\n{}                        \
                 return api.{call}(request.pageToken(token).build());\n                    }},\n                    \
                 {page}::getItems,\n                    {page}::getNextPage);\n",
                build("                        ")
            ),
        ),
        _ => (
            result.to_owned(),
            " throws ApiException",
            format!("{}            {keyword}api.{call}(request.build());\n", build("            ")),
        ),
    };
    let without = [&passed[..], &["query -> {}".to_owned()]].concat().join(", ");
    let doc =
        if is_paged { ", page by page. A failure is thrown as an {@link UncheckedApiException}" } else { "" };
    let is_optional = operation.query.iter().all(|parameter| !parameter.is_required);
    let mut code = String::new();
    if is_optional {
        let _ = write!(
            code,
            "\n        /** {summary}{doc}. */\n        public {result} {name}({}){throws} {{\n            \
             {keyword}{name}({without});\n        }}\n",
            arguments.join(", ")
        );
    }
    let _ = write!(
        code,
        "\n        /**\n         * {summary}{doc}.\n         *\n         * @param query sets the query's parameters\n         \
         */\n        public {result} {name}({with_query}){throws} {{\n{statement}        }}\n"
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
