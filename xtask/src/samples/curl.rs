//! Samples for curl.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::call::Call;
use super::{LINE, SERVER};

pub fn render(call: &Call<'_>) -> String {
    let (method, body) = (call.operation.http_method, call.body.as_ref());
    let mut command = "curl".to_owned();
    if !matches!((method, body), ("get", None) | ("post", Some(_))) {
        let _ = write!(command, " -X {}", method.to_uppercase());
    }
    let mut lines = vec![format!("{command} {}", address(call))];
    if call.is_secured {
        lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    if let Some(body) = body {
        lines.push("-H 'Content-Type: application/json'".to_owned());
        lines.push(format!("-d '{}'", json(&body.example).replace('\'', "'\\''")));
    }
    lines.join(" \\\n  ")
}

fn address(call: &Call<'_>) -> String {
    let address = format!("{SERVER}{}", call.address());
    if call.query.is_empty() {
        return address;
    }
    let query: Vec<_> =
        call.query.iter().map(|field| format!("{}={}", field.name, encoded(&field.text()))).collect();
    format!("'{address}?{}'", query.join("&"))
}

/// On one line, if it is short.
fn json(body: &Map<String, Value>) -> String {
    let fields: Vec<_> = body.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    let one_line = format!("{{{}}}", fields.join(", "));
    if one_line.len() <= LINE { one_line } else { format!("{{\n    {}\n  }}", fields.join(",\n    ")) }
}

/// As RFC 3986 wants it in a query.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode =
        |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}
