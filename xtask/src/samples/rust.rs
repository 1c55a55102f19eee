//! Samples for the Rust client.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::call::{Call, Field, items, members, quoted, written};
use super::{EMAIL, Names, PASSWORD, SERVER};
use crate::clients::model::{Kind, Response};
use crate::clients::names::pascal;
use crate::clients::rust::{accessor, identifier};

/// rustfmt writes a longer chain one call per line.
const CHAIN: usize = 60;

pub fn render(call: &Call<'_>, names: &Names) -> Result<String, String> {
    let mut imports = BTreeSet::from(["Service"]);
    let path = written(
        &call.path,
        |field, kind| match kind {
            Kind::Text => quoted(&field.value),
            Kind::Int32 | Kind::Int64 => Some(field.text()),
            _ => owned(kind, &field.value),
        },
        |_| None,
    )?;
    let query = written(&call.query, |field, kind| owned(kind, &field.value), |_| None)?;
    let body = match &call.body {
        Some(body) => Some((&body.schema, written(&body.fields, literal, object)?)),
        None => None,
    };
    let mut code = format!("let service = Service::new(\"{SERVER}\")?;\n");
    if call.is_secured {
        let _ = writeln!(code, "let session = service.log_in(\"{EMAIL}\", \"{PASSWORD}\").await?;");
    }
    if let Some((schema, fields)) = &body {
        let _ = writeln!(code, "let body: types::{schema} = {};", built(schema, fields));
    }
    for part in ["Nullable", "Secret", "types"] {
        if code.contains(&format!("{part}::")) {
            imports.insert(part);
        }
    }
    let mut arguments: Vec<_> = path.into_iter().map(|(_, value)| value).collect();
    arguments.extend(body.map(|_| "body".to_owned()));
    let caller = if call.is_secured { "session" } else { "service.anonymous()" };
    let (resource, method) = (accessor(call.resource), identifier(&call.operation.name));
    let query: Vec<_> =
        query.iter().map(|(field, value)| format!(".{}({value})", identifier(&field.name))).collect();
    let query = query.concat();
    let statement = format!("{caller}.{resource}().{method}({}){query}.send().await?", arguments.join(", "));
    // The client borrows, so it has to outlive the answer.
    let statement = if let (false, Response::Page { .. }) = (call.is_secured, &call.operation.response) {
        code += "let client = service.anonymous();\n";
        statement.replacen("service.anonymous()", "client", 1)
    } else {
        statement
    };
    let call = match call.operation.response {
        Response::Empty => format!("{statement};\n"),
        Response::One(_) => format!("let answer = {statement};\nprintln!(\"{{:?}}\", *answer);\n"),
        Response::Page { .. } => {
            format!(
                "let page = {statement};\nfor item in &page.items {{\n    println!(\"{{item:?}}\");\n}}\n"
            )
        }
    };
    code.push_str(&call);
    let imports = imports.into_iter().collect::<Vec<_>>();
    let imports =
        if let [one] = imports[..] { one.to_owned() } else { format!("{{{}}}", imports.join(", ")) };
    Ok(format!("use {}::{imports};\n\n{code}", names.package))
}

fn built(schema: &str, fields: &[(&Field, String)]) -> String {
    let calls = fields.iter().map(|(field, value)| format!(".{}({value})", identifier(&field.name)));
    let calls: Vec<_> = calls.chain([".try_into()?".to_owned()]).collect();
    let one_line = format!("types::{schema}::builder(){}", calls.concat());
    if one_line.len() <= CHAIN {
        return one_line;
    }
    let calls: Vec<_> = calls.iter().map(|call| format!("\n    {call}")).collect();
    format!("types::{schema}::builder(){}", calls.concat())
}

/// As the builder of a body takes it: the generator's program has adapted strings to what progenitor
/// supports.
fn literal(field: &Field, kind: &Kind) -> Option<String> {
    let is_string = matches!(kind, Kind::Text | Kind::Timestamp | Kind::Date | Kind::Uuid | Kind::Schema(_));
    let is_secret = field.name.ends_with("password") || field.name.ends_with("_token");
    if is_string && field.is_nullable && !field.is_required {
        return Some(format!("Nullable::Value({}.to_owned())", quoted(&field.value)?));
    }
    match kind {
        Kind::Schema(_) if field.is_nullable => None,
        Kind::Text if field.is_required && !field.is_nullable => quoted(&field.value),
        Kind::Text if is_secret => Some(format!("Secret::from({})", quoted(&field.value)?)),
        _ => owned(kind, &field.value),
    }
}

fn object(field: &Field) -> Option<String> {
    let members = members(&field.value, |name, value| format!("({name}.to_owned(), {value}.into())"))?;
    Some(format!("serde_json::Map::from_iter([{members}])"))
}

fn owned(kind: &Kind, value: &Value) -> Option<String> {
    match kind {
        Kind::Boolean => value.as_bool().map(|value| value.to_string()),
        Kind::Int32 => value.as_i64().map(|value| format!("{value}_i32")),
        Kind::Int64 => value.as_i64().map(|value| format!("{value}_i64")),
        Kind::Number => value.as_f64().map(|value| format!("{value:?}_f64")),
        Kind::Text => Some(format!("{}.to_owned()", quoted(value)?)),
        Kind::Timestamp => Some(format!("{}.parse::<chrono::DateTime<chrono::Utc>>()?", quoted(value)?)),
        Kind::Date => Some(format!("{}.parse::<chrono::NaiveDate>()?", quoted(value)?)),
        Kind::Uuid => Some(format!("{}.parse::<uuid::Uuid>()?", quoted(value)?)),
        Kind::Schema(name) => Some(format!("types::{name}::{}", pascal(value.as_str()?))),
        Kind::Array(kind) => Some(format!("vec![{}]", items(value, |item| owned(kind, item))?)),
    }
}
