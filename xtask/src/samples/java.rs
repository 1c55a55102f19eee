//! Samples for the Java client.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::call::{Call, Field, items, members, quoted, written};
use super::{EMAIL, LINE, Names, PASSWORD, SERVER};
use crate::clients::java::{accessor, name};
use crate::clients::model::{Kind, Response};
use crate::clients::names::camel;

pub fn render(call: &Call<'_>, names: &Names) -> Result<String, String> {
    let Names { class, package, .. } = names;
    let plain = |field: &Field, kind: &Kind| literal(kind, &field.value);
    let (path, query) = (written(&call.path, plain, |_| None)?, written(&call.query, plain, |_| None)?);
    let body = match &call.body {
        Some(body) => Some((&body.schema, written(&body.fields, plain, object)?)),
        None => None,
    };
    let mut imports = BTreeSet::from([format!("{package}.{class}")]);
    imports.extend(body.iter().map(|(schema, _)| format!("{package}.model.{schema}")));
    let fields = body.iter().flat_map(|(_, fields)| fields).chain(&path).chain(&query);
    for kind in fields.filter_map(|(field, _)| field.kind.as_ref()) {
        import(kind, package, &mut imports);
    }
    if body.iter().flat_map(|(_, fields)| fields).any(|(field, _)| field.is_object) {
        imports.insert("java.util.Map".to_owned());
    }
    let mut code = format!("{class} service = new {class}(\"{SERVER}\");\n");
    if call.is_secured {
        imports.insert(format!("{package}.Session"));
        let _ = writeln!(code, "Session session = service.login(\"{EMAIL}\", \"{PASSWORD}\");");
    }
    if let Some((schema, fields)) = &body {
        let _ = writeln!(code, "{schema} body = new {schema}(){};", set(fields));
    }
    let mut arguments: Vec<_> = path.into_iter().map(|(_, value)| value).collect();
    arguments.extend(body.map(|_| "body".to_owned()));
    if !query.is_empty() {
        let query: Vec<_> =
            query.iter().map(|(field, value)| format!(".{}({value})", camel(&field.name))).collect();
        arguments.push(format!("query -> query{}", query.concat()));
    }
    let caller = if call.is_secured { "session" } else { "service" };
    let (resource, method) = (accessor(call.resource), name(call.operation));
    let statement = format!("{caller}.{resource}().{method}({})", arguments.join(", "));
    let call = match call.operation.response {
        Response::Empty => format!("{statement};\n"),
        Response::One(_) => format!("System.out.println({statement});\n"),
        Response::Page { .. } => format!("{statement}.forEach(System.out::println);\n"),
    };
    code.push_str(&call);
    let imports: Vec<_> = imports.into_iter().map(|import| format!("import {import};\n")).collect();
    Ok(format!("{}\n{code}", imports.concat()))
}

fn set(fields: &[(&Field, String)]) -> String {
    let setters: Vec<_> =
        fields.iter().map(|(field, value)| format!(".{}({value})", camel(&field.name))).collect();
    let one_line = setters.concat();
    if one_line.len() <= LINE - 20 {
        return one_line;
    }
    setters.iter().map(|setter| format!("\n    {setter}")).collect::<Vec<_>>().concat()
}

fn literal(kind: &Kind, value: &Value) -> Option<String> {
    match kind {
        Kind::Boolean => value.as_bool().map(|value| value.to_string()),
        Kind::Int32 => value.as_i64().map(|value| value.to_string()),
        Kind::Int64 => value.as_i64().map(|value| format!("{value}L")),
        Kind::Number => value.as_f64().map(|value| format!("{value:?}")),
        Kind::Text => quoted(value),
        Kind::Timestamp => Some(format!("OffsetDateTime.parse({})", quoted(value)?)),
        Kind::Date => Some(format!("LocalDate.parse({})", quoted(value)?)),
        Kind::Uuid => Some(format!("UUID.fromString({})", quoted(value)?)),
        Kind::Schema(name) => Some(format!("{name}.{}", value.as_str()?.to_ascii_uppercase())),
        Kind::Array(kind) => Some(format!("List.of({})", items(value, |item| literal(kind, item))?)),
    }
}

fn object(field: &Field) -> Option<String> {
    Some(format!("Map.of({})", members(&field.value, |name, value| format!("{name}, {value}"))?))
}

fn import(kind: &Kind, package: &str, imports: &mut BTreeSet<String>) {
    let name = match kind {
        Kind::Timestamp => "java.time.OffsetDateTime",
        Kind::Date => "java.time.LocalDate",
        Kind::Uuid => "java.util.UUID",
        Kind::Schema(name) => &format!("{package}.model.{name}"),
        Kind::Array(kind) => {
            import(kind, package, imports);
            "java.util.List"
        }
        _ => return,
    };
    imports.insert(name.to_owned());
}
