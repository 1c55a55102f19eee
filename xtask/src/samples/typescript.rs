//! Samples for the TypeScript client.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::call::{Call, escaped};
use super::{EMAIL, LINE, Names, PASSWORD, SERVER};
use crate::clients::model::Response;
use crate::clients::names::camel;
use crate::clients::typescript::{method_name, property};

pub fn render(call: &Call<'_>, names: &Names) -> String {
    let (class, package) = (&names.class, &names.package);
    let mut code = format!(
        "import {{ {class} }} from '{package}';\n\nconst client = new {class}({{ baseUrl: '{SERVER}' }});\n"
    );
    if call.is_secured {
        let _ = writeln!(
            code,
            "const session = await client.login({{ email: '{EMAIL}', password: '{PASSWORD}' }});"
        );
    }
    let mut arguments: Vec<String> = call.path.iter().map(|field| literal(&field.value, "")).collect();
    if let Some(body) = &call.body {
        arguments.push(object(&body.example, ""));
    }
    if !call.query.is_empty() {
        let query = call.query.iter().map(|field| (field.name.clone(), field.value.clone()));
        arguments.push(object(&query.collect(), ""));
    }
    let caller = if call.is_secured { "session" } else { "client" };
    let (resource, method) = (property(call.resource), method_name(call.operation));
    let statement = format!("{caller}.{resource}.{method}({})", arguments.join(", "));
    let call = match call.operation.response {
        Response::Empty => format!("await {statement};\n"),
        Response::One(_) => format!("const answer = await {statement};\nconsole.log(answer);\n"),
        Response::Page { .. } => format!("for await (const item of {statement}) console.log(item);\n"),
    };
    code.push_str(&call);
    code
}

fn literal(value: &Value, indent: &str) -> String {
    match value {
        Value::String(text) => format!("'{}'", escaped(text, '\'')),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| literal(item, indent)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => object(fields, indent),
        other => other.to_string(),
    }
}

fn object(fields: &Map<String, Value>, indent: &str) -> String {
    let inner = format!("{indent}  ");
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}: {}", key(name), literal(value, &inner))).collect();
    let one_line = format!("{{ {} }}", fields.join(", "));
    if fields.is_empty() {
        "{}".to_owned()
    } else if one_line.len() <= LINE - 30 {
        one_line
    } else {
        let fields: Vec<_> = fields.iter().map(|field| format!("{inner}{field},\n")).collect();
        format!("{{\n{}{indent}}}", fields.concat())
    }
}

fn key(name: &str) -> String {
    let is_identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_identifier && camel(name) != "constructor" { name.to_owned() } else { format!("'{name}'") }
}
