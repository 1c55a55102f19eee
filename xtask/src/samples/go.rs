//! Samples for the Go client.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::call::{Call, Field, items, members, quoted, written};
use super::{EMAIL, LINE, Names, PASSWORD, SERVER};
use crate::clients::go::{camel, pascal, type_name};
use crate::clients::model::{Kind, Response};

const FAIL: &str = "if err != nil {\n\tlog.Fatal(err)\n}\n";

pub fn render(call: &Call<'_>, names: &Names) -> Result<String, String> {
    let Names { package, module, .. } = names;
    let plain = |field: &Field, kind: &Kind| literal(package, kind, &field.value);
    let (path, query) = (written(&call.path, plain, |_| None)?, written(&call.query, plain, |_| None)?);
    let mut code = "ctx := context.Background()\n".to_owned();
    if call.is_secured {
        let _ = write!(
            code,
            "service := {package}.Service{{URL: \"{SERVER}\"}}\n\
             session, err := service.LogIn(ctx, \"{EMAIL}\", \"{PASSWORD}\")\n{FAIL}"
        );
    } else {
        let _ = write!(code, "api, err := {package}.Service{{URL: \"{SERVER}\"}}.API()\n{FAIL}");
    }
    let is_paged = matches!(call.operation.response, Response::Page { .. });
    let mut arguments = vec!["ctx".to_owned()];
    arguments.extend(path.into_iter().map(|(_, value)| value));
    if !call.operation.query.is_empty() || is_paged {
        let fields: Vec<_> = query.into_iter().map(|(field, value)| (pascal(&field.name), value)).collect();
        arguments.push(composite(package, &format!("{}Params", pascal(&call.operation.id)), &fields));
    }
    if let Some(body) = &call.body {
        let mut fields = Vec::new();
        for (field, value) in written(&body.fields, |field, kind| in_body(package, field, kind), object)? {
            // An optional value is a pointer.
            let is_pointer = !field.is_required
                && !field.is_nullable
                && !matches!(field.kind, Some(Kind::Array(_)) | None);
            let local = variable(&field.name);
            let value = if is_pointer {
                let _ = writeln!(code, "{local} := {value}");
                format!("&{local}")
            } else {
                value
            };
            fields.push((pascal(&field.name), value));
        }
        let _ = writeln!(code, "body := {}", composite(package, &type_name(&body.schema), &fields));
        arguments.push("body".to_owned());
    }
    let api = if call.is_secured { "session.API()" } else { "api" };
    let (resource, method) = (pascal(call.resource), pascal(&call.operation.name));
    let statement = format!("{api}.{resource}.{method}({})", arguments.join(", "));
    let call = match call.operation.response {
        Response::Empty => format!("if err := {statement}; err != nil {{\n\tlog.Fatal(err)\n}}\n"),
        Response::One(_) => format!("answer, err := {statement}\n{FAIL}fmt.Printf(\"%+v\\n\", *answer)\n"),
        Response::Page { .. } => format!(
            "for item, err := range {statement} {{\n\tif err != nil {{\n\t\tlog.Fatal(err)\n\t}}\n\
             \tfmt.Printf(\"%+v\\n\", item)\n}}\n"
        ),
    };
    code.push_str(&call);
    Ok(imports(&code, package, module) + "\n" + &code)
}

fn imports(code: &str, package: &str, module: &str) -> String {
    let all = [
        ("context.", "\"context\""),
        ("fmt.", "\"fmt\""),
        ("log.", "\"log\""),
        ("time.", "\"time\""),
        ("uuid.", "\"github.com/google/uuid\""),
        ("nullable.", "\"github.com/oapi-codegen/nullable\""),
        ("openapi_types.", "openapi_types \"github.com/oapi-codegen/runtime/types\""),
    ];
    let is_used = |word: &str| {
        code.match_indices(word)
            .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.'))
    };
    let used: BTreeSet<&str> = all.iter().filter(|(word, _)| is_used(word)).map(|(_, path)| *path).collect();
    let (others, standard): (Vec<&str>, Vec<&str>) = used.into_iter().partition(|path| path.contains('/'));
    let block = |paths: &[&str]| paths.iter().map(|path| format!("\t{path}\n")).collect::<Vec<_>>().concat();
    let others = if others.is_empty() { String::new() } else { block(&others) + "\n" };
    format!("import (\n{}\n{others}\t{package} \"{module}\"\n)\n", block(&standard))
}

/// With aligned values, as gofmt wants it.
fn composite(package: &str, name: &str, fields: &[(String, String)]) -> String {
    let one_line: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let one_line = format!("{package}.{name}{{{}}}", one_line.join(", "));
    if one_line.len() <= LINE {
        return one_line;
    }
    let width = fields.iter().map(|(name, _)| name.len() + 1).max().unwrap_or_default();
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!("\t{:<width$} {value},\n", format!("{name}:"))).collect();
    format!("{package}.{name}{{\n{}}}", fields.concat())
}

/// The name of a local variable that hides no package and no other variable.
fn variable(name: &str) -> String {
    const TAKEN: [&str; 14] = [
        "api", "context", "err", "error", "fmt", "len", "log", "new", "nullable", "service", "session",
        "string", "time", "uuid",
    ];
    crate::clients::names::free(&camel(name), &TAKEN)
}

fn in_body(package: &str, field: &Field, kind: &Kind) -> Option<String> {
    let value = literal(package, kind, &field.value)?;
    match kind {
        // The generator makes a type of its own for it.
        Kind::Schema(_) if field.is_nullable => None,
        Kind::Int32 | Kind::Int64 | Kind::Number if field.is_nullable => {
            Some(format!("nullable.NewNullableWithValue({})", typed(kind, &value)))
        }
        _ if field.is_nullable => Some(format!("nullable.NewNullableWithValue({value})")),
        Kind::Int32 | Kind::Int64 | Kind::Number if !field.is_required => Some(typed(kind, &value)),
        _ => Some(value),
    }
}

fn object(field: &Field) -> Option<String> {
    let members = members(&field.value, |name, value| format!("{name}: {value}"))?;
    let map = format!("map[string]any{{{members}}}");
    Some(if field.is_nullable { format!("nullable.NewNullableWithValue({map})") } else { map })
}

/// A number of the type that the field has.
fn typed(kind: &Kind, value: &str) -> String {
    let name = match kind {
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        _ => "float64",
    };
    format!("{name}({value})")
}

fn literal(package: &str, kind: &Kind, value: &Value) -> Option<String> {
    match kind {
        Kind::Boolean => value.as_bool().map(|value| value.to_string()),
        Kind::Int32 | Kind::Int64 | Kind::Number => value.as_number().map(ToString::to_string),
        Kind::Text => quoted(value),
        Kind::Timestamp => {
            let at: jiff::Timestamp = value.as_str()?.parse().ok()?;
            Some(at.strftime("time.Date(%Y, %-m, %-d, %-H, %-M, %-S, 0, time.UTC)").to_string())
        }
        Kind::Date => {
            let day: jiff::civil::Date = value.as_str()?.parse().ok()?;
            let day = day.strftime("time.Date(%Y, %-m, %-d, 0, 0, 0, 0, time.UTC)");
            Some(format!("openapi_types.Date{{Time: {day}}}"))
        }
        Kind::Uuid => Some(format!("uuid.MustParse({})", quoted(value)?)),
        Kind::Schema(name) => Some(format!("{package}.{}{}", type_name(name), pascal(value.as_str()?))),
        Kind::Array(kind) => {
            let of = element(package, kind)?;
            Some(format!("[]{of}{{{}}}", items(value, |item| literal(package, kind, item))?))
        }
    }
}

fn element(package: &str, kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Boolean => "bool".to_owned(),
        Kind::Int32 => "int32".to_owned(),
        Kind::Int64 => "int64".to_owned(),
        Kind::Number => "float64".to_owned(),
        Kind::Text => "string".to_owned(),
        Kind::Schema(name) => format!("{package}.{}", type_name(name)),
        _ => return None,
    })
}
