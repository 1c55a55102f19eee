//! Samples for the Python client.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::call::{Call, Field, escaped, items, members, quoted, written};
use super::{EMAIL, LINE, Names, PASSWORD, SERVER};
use crate::clients::model::{Kind, Response};
use crate::clients::names::pascal;
use crate::clients::python::{argument, attribute, method_name};

pub fn render(call: &Call<'_>, names: &Names) -> Result<String, String> {
    let (class, package) = (&names.class, &names.package);
    let plain = |field: &Field, kind: &Kind| literal(kind, &field.value);
    let path = written(&call.path, plain, |_| None)?;
    let query = written(&call.query, plain, |_| None)?;
    let body = match &call.body {
        Some(body) => {
            Some((&body.schema, written(&body.fields, plain, |field| object(&body.schema, field))?))
        }
        None => None,
    };
    let mut models: BTreeSet<String> = body.iter().map(|(schema, _)| (*schema).clone()).collect();
    let mut modules = BTreeSet::new();
    let objects =
        body.iter().flat_map(|(schema, fields)| fields.iter().map(move |(field, _)| (schema, field)));
    models.extend(objects.filter(|(_, it)| it.is_object).map(|(schema, it)| object_class(schema, it)));
    let fields = body.iter().flat_map(|(_, fields)| fields).chain(&path).chain(&query);
    for kind in fields.filter_map(|(field, _)| field.kind.as_ref()) {
        import(kind, &mut models, &mut modules);
    }
    let (from, whole): (Vec<&str>, Vec<&str>) = modules.into_iter().partition(|it| it.starts_with("from"));
    let mut code = [whole, from].concat().concat();
    if !code.is_empty() {
        code += "\n";
    }
    let _ = writeln!(code, "from {package} import {class}");
    if !models.is_empty() {
        let models = models.into_iter().collect::<Vec<_>>().join(", ");
        let _ = writeln!(code, "from {package}.models import {models}");
    }
    let _ = write!(code, "\nservice = {class}(\"{SERVER}\")\n");
    let indent = if call.is_secured { "    " } else { "" };
    if call.is_secured {
        let _ = writeln!(code, "with service.login(\"{EMAIL}\", \"{PASSWORD}\") as session:");
    }
    if let Some((schema, fields)) = &body {
        let _ = writeln!(code, "{indent}body = {}", constructed(schema, fields, indent));
    }
    let mut arguments: Vec<String> = path.into_iter().map(|(_, value)| value).collect();
    arguments.extend(body.map(|_| "body".to_owned()));
    arguments.extend(query.into_iter().map(|(field, value)| format!("{}={value}", argument(&field.name))));
    let caller = if call.is_secured { "session" } else { "service" };
    let (resource, method) = (attribute(call.resource), method_name(call.operation));
    let statement = format!("{caller}.{resource}.{method}({})", arguments.join(", "));
    let call = match call.operation.response {
        Response::Empty => format!("{indent}{statement}\n"),
        Response::One(_) => format!("{indent}print({statement})\n"),
        Response::Page { .. } => format!("{indent}for item in {statement}:\n{indent}    print(item)\n"),
    };
    code.push_str(&call);
    Ok(code)
}

fn constructed(class: &str, fields: &[(&Field, String)], indent: &str) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(field, value)| format!("{}={value}", argument(&field.name))).collect();
    let one_line = format!("{class}({})", fields.join(", "));
    if one_line.len() <= LINE {
        return one_line;
    }
    let fields: Vec<_> = fields.iter().map(|field| format!("{indent}    {field},\n")).collect();
    format!("{class}(\n{}{indent})", fields.concat())
}

fn literal(kind: &Kind, value: &Value) -> Option<String> {
    match kind {
        Kind::Boolean => value.as_bool().map(|value| if value { "True" } else { "False" }.to_owned()),
        Kind::Int32 | Kind::Int64 | Kind::Number => value.as_number().map(ToString::to_string),
        Kind::Text => value.as_str().map(text),
        Kind::Timestamp => Some(format!("datetime.datetime.fromisoformat({})", quoted(value)?)),
        Kind::Date => Some(format!("datetime.date.fromisoformat({})", quoted(value)?)),
        Kind::Uuid => Some(format!("UUID({})", quoted(value)?)),
        Kind::Schema(name) => Some(format!("{name}.{}", value.as_str()?.to_ascii_uppercase())),
        Kind::Array(kind) => Some(format!("[{}]", items(value, |item| literal(kind, item))?)),
    }
}

/// The generator makes a class of each object.
fn object_class(schema: &str, field: &Field) -> String {
    format!("{schema}{}", pascal(&field.name))
}

fn object(schema: &str, field: &Field) -> Option<String> {
    // Where null is possible, the class has a name that the generator makes up.
    if field.is_nullable {
        return None;
    }
    let value = |value: &Value| match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    };
    let members = members(&field.value, |name, it| format!("{name}: {}", value(it)))?;
    Some(format!("{}.from_dict({{{members}}})", object_class(schema, field)))
}

/// In the quotes that need fewer backslashes, as formatters write it.
fn text(text: &str) -> String {
    let count = |quote: char| text.matches(quote).count();
    let quote = if count('"') > count('\'') { '\'' } else { '"' };
    format!("{quote}{}{quote}", escaped(text, quote))
}

fn import(kind: &Kind, models: &mut BTreeSet<String>, modules: &mut BTreeSet<&'static str>) {
    match kind {
        Kind::Timestamp | Kind::Date => drop(modules.insert("import datetime\n")),
        Kind::Uuid => drop(modules.insert("from uuid import UUID\n")),
        Kind::Schema(name) => drop(models.insert(name.clone())),
        Kind::Array(kind) => import(kind, models, modules),
        _ => {}
    }
}
