//! The methods by resource in Go.

use std::fmt::Write as _;

use super::NOTICE;
use super::model::{IDEMPOTENCY_KEY, Kind, Operation, Resource, Response};
use super::names::capitalized;

/// The words that oapi-codegen writes in capitals (`ToCamelCaseWithInitialisms`).
const INITIALISMS: [&str; 39] = [
    "acl", "amqp", "api", "ascii", "cpu", "css", "db", "dns", "eof", "gid", "guid", "html", "http", "https",
    "id", "ip", "json", "qps", "ram", "rpc", "rtp", "sip", "sla", "smtp", "sql", "ssh", "tcp", "tls", "ts",
    "ttl", "udp", "ui", "uid", "uri", "url", "utf8", "uuid", "vm", "xml",
];

/// The file `resources.gen.go`.
pub fn render(resources: &[Resource], package: &str) -> String {
    let mut code = format!("// {NOTICE}\n\npackage {package}\n\n{}", imports(resources));
    code.push_str("// API has the operations by resource.\ntype API struct {\n");
    for Resource { name, .. } in resources {
        let _ = writeln!(code, "\t{} *{0}Resource", pascal(name));
    }
    code.push_str("}\n\nfunc newAPI(client *ClientWithResponses) *API {\n\treturn &API{\n");
    for Resource { name, .. } in resources {
        let _ = writeln!(code, "\t\t{}: &{0}Resource{{client}},", pascal(name));
    }
    code.push_str("\t}\n}\n");
    for resource in resources {
        let class = pascal(&resource.name);
        let _ = write!(
            code,
            "\n// {class}Resource has the operations of {}.\ntype {class}Resource struct {{\n\tclient *ClientWithResponses\n}}\n",
            resource.name
        );
        for operation in &resource.operations {
            code.push_str(&method(&class, operation));
        }
    }
    code
}

fn imports(resources: &[Resource]) -> String {
    let operations = || resources.iter().flat_map(|resource| &resource.operations);
    let in_path = |kind: &Kind| {
        operations()
            .any(|operation| operation.path_parameters.iter().any(|parameter| parameter.kind == *kind))
    };
    let mut code = "import (\n\t\"context\"\n".to_owned();
    if operations().any(|operation| matches!(operation.response, Response::Page { .. })) {
        code.push_str("\t\"iter\"\n");
    }
    if in_path(&Kind::Timestamp) {
        code.push_str("\t\"time\"\n");
    }
    if in_path(&Kind::Uuid) || in_path(&Kind::Date) {
        code.push_str("\n\topenapi_types \"github.com/oapi-codegen/runtime/types\"\n");
    }
    code.push_str(")\n\n");
    code
}

fn method(class: &str, operation: &Operation) -> String {
    let Operation { summary, body, status, .. } = operation;
    let (name, id) = (pascal(&operation.name), pascal(&operation.id));
    let (mut arguments, mut passed) = (vec!["ctx context.Context".to_owned()], vec!["ctx".to_owned()]);
    for parameter in &operation.path_parameters {
        let name = camel(&parameter.name);
        arguments.push(format!("{name} {}", type_of(&parameter.kind)));
        passed.push(name);
    }
    let is_paged = matches!(operation.response, Response::Page { .. });
    if !operation.query.is_empty() || is_paged {
        arguments.push(format!("params {id}Params"));
        passed.push("&params".to_owned());
    }
    if let Some(body) = body {
        arguments.push(format!("body {}", type_name(body)));
        passed.push("body".to_owned());
    }
    if !operation.headers.is_empty() {
        // The last one to set a header wins.
        let has_key = operation.headers.iter().any(|header| header.name == IDEMPOTENCY_KEY);
        let options = if has_key { "withNewKey(options)..." } else { "options..." };
        arguments.push("options ...RequestEditorFn".to_owned());
        passed.push(options.to_owned());
    }
    let (arguments, passed) = (arguments.join(", "), passed.join(", "));
    let receiver = format!("func (r *{class}Resource)");
    let call = format!("r.client.{id}WithResponse({passed})");
    let one = |method: &str, schema: &str| {
        let schema = type_name(schema);
        format!(
            "{receiver} {method}({arguments}) (*{schema}, error) {{\n\tanswer, err := {call}\n\
             \tif err != nil {{\n\t\treturn nil, err\n\t}}\n\treturn expect(answer.JSON{status})\n}}\n"
        )
    };
    let comment = format!("\n// {name} calls {}: {summary}.", operation.id);
    match &operation.response {
        Response::Empty => {
            format!(
                "{comment}\n{receiver} {name}({arguments}) error {{\n\t_, err := {call}\n\treturn err\n}}\n"
            )
        }
        Response::One(schema) => format!("{comment}\n{}", one(&name, schema)),
        Response::Page { page, item } => format!(
            "{comment} Each page is requested when it is needed. An error is the last element.\n\
             {receiver} {name}({arguments}) iter.Seq2[{item}, error] {{\n\
             \treturn eachItem(params.PageToken, func(token *string) ([]{item}, nextPage, error) {{\n\
             \t\tparams := params\n\t\tparams.PageToken = token\n\
             \t\tpage, err := r.{name}Page({passed_by_value})\n\
             \t\tif err != nil {{\n\t\t\treturn nil, nextPage{{}}, err\n\t\t}}\n\
             \t\treturn page.Items, page.NextPage, nil\n\t}})\n}}\n\
             \n// {name}Page returns one page of {name}.\n{}",
            one(&format!("{name}Page"), page),
            item = type_name(item),
            passed_by_value = passed.replace("&params", "params"),
        ),
    }
}

fn type_of(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "bool".to_owned(),
        Kind::Int32 => "int32".to_owned(),
        Kind::Int64 => "int64".to_owned(),
        Kind::Number => "float64".to_owned(),
        Kind::Text => "string".to_owned(),
        Kind::Timestamp => "time.Time".to_owned(),
        Kind::Date => "openapi_types.Date".to_owned(),
        Kind::Uuid => "openapi_types.UUID".to_owned(),
        Kind::Schema(name) => type_name(name),
        Kind::Array(kind) => format!("[]{}", type_of(kind)),
    }
}

/// The type of a schema: `APIKey` of `ApiKey`, as the generator writes it.
pub fn type_name(schema: &str) -> String {
    let mut words = Vec::<String>::new();
    for c in schema.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let is_initialism = |word: &String| INITIALISMS.contains(&word.to_ascii_lowercase().as_str());
    words
        .iter()
        .map(|word| if is_initialism(word) { word.to_ascii_uppercase() } else { word.clone() })
        .collect()
}

/// In the spelling of an exported name.
pub fn pascal(name: &str) -> String {
    let word =
        |word: &str| if INITIALISMS.contains(&word) { word.to_ascii_uppercase() } else { capitalized(word) };
    name.split('_').map(word).collect()
}

/// In the spelling of a parameter, with an underscore behind a keyword or a name of the method.
pub fn camel(name: &str) -> String {
    const TAKEN: [&str; 12] = [
        "body",
        "ctx",
        "default",
        "func",
        "go",
        "interface",
        "map",
        "package",
        "params",
        "range",
        "select",
        "type",
    ];
    let (first, rest) = name.split_once('_').unwrap_or((name, ""));
    super::names::free(&format!("{first}{}", pascal(rest)), &TAKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_spelled_as_the_generator_spells_them() {
        assert_eq!(type_name("ApiKeyWithSecret"), "APIKeyWithSecret");
        assert_eq!(type_name("UserPage"), "UserPage");
    }
}
