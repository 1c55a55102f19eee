//! The cases of the generated tests.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::field::{Field, Kind};
use super::prose::grouped;
use super::resource::{Owner, Resource};
use super::samples::{decimal, sample};

/// Literals of JSON and of Rust.
#[derive(Serialize)]
pub struct Cases {
    /// A body with every field that one must have.
    required: Object,
    /// The fields that it may have besides.
    optional: Object,
    /// Other values of what it must have.
    changed: Object,
    /// A change of one field.
    change: Object,
    /// The names of the fields that it must have.
    required_names: String,
    optional_names: String,
    /// Rows, and which of them a query shows.
    rows: Vec<Object>,
    queries: Vec<Query>,
    /// A query that a page token of the whole list is not for.
    narrowed: String,
    wrong_queries: Vec<String>,
    invalid: Vec<Invalid>,
    /// Bodies at both ends of the limits.
    least: Object,
    most: Object,
}

#[derive(Serialize)]
struct Query {
    query: String,
    rows: String,
}

#[derive(Serialize)]
struct Invalid {
    field: String,
    value: String,
    message: String,
}

pub fn of(resource: &Resource) -> Cases {
    let fields = &resource.fields;
    let (optional, required): (Vec<_>, Vec<_>) = fields.iter().partition(|field| field.nullable);
    let samples = |fields: &[&Field], turn| {
        object(fields.iter().map(|field| (&*field.name, sample(field, turn).to_string())))
    };
    let changing = if required.is_empty() { &optional } else { &required };
    let names = |fields: &[&Field]| {
        fields.iter().map(|field| format!("\"{}\"", field.name)).collect::<Vec<_>>().join(", ")
    };
    let rows: Vec<_> = (0..3).map(|row| filter_values(resource, row)).collect();
    let queries = queries(resource, &rows);
    let limited: Vec<_> = fields.iter().filter(|field| !end(&field.kind, false).is_empty()).collect();
    let ends = |is_most| object(limited.iter().map(|field| (&*field.name, end(&field.kind, is_most))));
    Cases {
        required: samples(&required, 0),
        optional: samples(&optional, 0),
        changed: samples(changing, 1),
        change: samples(&changing[..1], 1),
        required_names: names(&required),
        optional_names: names(&optional),
        narrowed: queries.first().map(|query| query.query.clone()).unwrap_or_default(),
        queries,
        rows: rows
            .iter()
            .map(|row| object(row.iter().map(|(name, value)| (name.as_str(), value.to_string()))))
            .collect(),
        wrong_queries: wrong_queries(resource),
        invalid: invalid(resource),
        least: ends(false),
        most: ends(true),
    }
}

/// The fields of an object of JSON, as the macro `json!` takes them: `"number": 1`.
type Object = Vec<String>;

fn object<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> Object {
    fields.map(|(name, value)| format!("\"{name}\": {value}")).collect()
}

/// The values of a row that lists are narrowed by. The last row lacks the times that it may lack.
fn filter_values(resource: &Resource, row: usize) -> Map<String, Value> {
    let values = resource.filters().filter_map(|field| {
        let value = match &field.kind {
            Kind::Enum { values } => json!(values[row % values.len()]),
            _ if row == 2 && field.nullable => return None,
            _ => json!(day(row)),
        };
        Some((field.name.clone(), value))
    });
    values.collect()
}

/// The instant of the row, as text that sorts by time.
fn day(row: usize) -> String {
    format!("2026-12-0{}T00:00:00Z", row + 1)
}

fn queries(resource: &Resource, rows: &[Map<String, Value>]) -> Vec<Query> {
    let mut queries = Vec::new();
    let mut add = |query: String, is_shown: &dyn Fn(&Map<String, Value>) -> bool| {
        let shown = (0..rows.len()).filter(|row| is_shown(&rows[*row])).map(|row| row.to_string());
        queries.push(Query { query, rows: shown.collect::<Vec<_>>().join(", ") });
    };
    for field in resource.filters() {
        let name = &field.name;
        if let Kind::Enum { values } = &field.kind {
            for value in values.iter().take(3) {
                add(format!("{name}={value}"), &|row| row[name] == **value);
            }
            continue;
        }
        let [after, before] = field.limits();
        let at = |row: &Map<String, Value>| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let (first, second) = (day(0), day(1));
        add(format!("{after}={second}"), &|row| at(row).is_some_and(|at| at >= second));
        add(format!("{before}={second}"), &|row| at(row).is_some_and(|at| at < second));
        add(format!("{after}={first}&{before}={second}"), &|row| at(row).is_some_and(|at| at < second));
    }
    queries
}

fn wrong_queries(resource: &Resource) -> Vec<String> {
    let wrong = resource.filters().flat_map(|field| {
        if let Kind::Enum { values } = &field.kind {
            return vec![format!("\"{}={}\"", field.name, unknown(values))];
        }
        field.limits().map(|parameter| format!("\"{parameter}=tomorrow\"")).to_vec()
    });
    wrong.collect()
}

/// A text of this many times the character, as an expression.
fn repeated(c: char, length: i64) -> String {
    match length {
        0 => "\"\"".to_owned(),
        1 => format!("\"{c}\""),
        2 => format!("\"{c}{c}\""),
        more => format!("\"{c}\".repeat({})", grouped(more, '_')),
    }
}

/// A word that is none of the values.
fn unknown(values: &[String]) -> &'static str {
    let is_free = |word: &&&str| !values.iter().any(|value| value == **word);
    ["lost", "other", "unheard_of"].iter().find(is_free).unwrap_or(&"no_such_value")
}

/// The shortest or longest, least or greatest value, as an expression; empty if the kind has none.
fn end(kind: &Kind, is_most: bool) -> String {
    match kind {
        Kind::Text { min, max } => repeated('é', if is_most { *max } else { *min }),
        Kind::Int { min, max } => grouped(if is_most { *max } else { *min }, '_'),
        Kind::Decimal { precision, scale } => {
            let units = greatest(*precision);
            format!("\"{}\"", decimal(if is_most { units } else { -units }, *scale))
        }
        Kind::Date => format!("\"{}\"", if is_most { "9999-12-31" } else { "0001-01-01" }),
        Kind::TextList { .. } if !is_most => "[]".to_owned(),
        Kind::TextList { items, max, .. } => format!("vec![{}; {items}]", repeated('é', *max)),
        Kind::Json if !is_most => "{}".to_owned(),
        Kind::Json => format!("{{\"a\": {}}}", repeated('x', MAX_JSON_BYTES - OBJECT_BYTES)),
        Kind::Bool | Kind::Enum { .. } | Kind::Timestamp | Kind::Uuid => String::new(),
    }
}

fn invalid(resource: &Resource) -> Vec<Invalid> {
    let of_fields = resource.fields.iter().flat_map(|field| {
        let wrong = wrong_values(field).into_iter();
        wrong.map(|(value, reason)| Invalid { field: field.name.clone(), value, message: quoted(&reason) })
    });
    let implied = if resource.owner == Owner::User { &["id", "user_id"][..] } else { &["id"] };
    let of_implied = implied.iter().map(|name| Invalid {
        field: (*name).to_owned(),
        value: "7".to_owned(),
        message: quoted("cannot be set here"),
    });
    of_fields.chain(of_implied).collect()
}

/// `Json::MAX_BYTES` of `groundwork_values`, and the bytes of `{"a":""}`.
const MAX_JSON_BYTES: i64 = 16 * 1024;
const OBJECT_BYTES: i64 = 8;

/// The greatest number of this many digits.
fn greatest(digits: i64) -> i64 {
    10_i64.pow(u32::try_from(digits).unwrap_or_default()) - 1
}

/// A literal of Rust.
fn quoted(text: &str) -> String {
    if text.contains('"') { format!("r#\"{text}\"#") } else { format!("\"{text}\"") }
}

/// Values that a field refuses when one is created and when it is changed, and the reason.
fn wrong_values(field: &Field) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let mut add = |value: String, reason: String| wrong.push((value, reason));
    // A null is refused by creation only if the field may be null.
    let type_name = match &field.kind {
        Kind::Text { min, max } => {
            if *min == 1 {
                add("\"\"".to_owned(), "must not be blank".to_owned());
            }
            if *min > 0 {
                add(repeated(' ', (*min).max(2).min(*max)), "must not be blank".to_owned());
            }
            if *min > 1 {
                add(repeated('x', min - 1), format!("must be at least {min} characters"));
            }
            add(repeated('x', max + 1), format!("must be at most {max} characters"));
            "a string"
        }
        Kind::Int { min, max } => {
            add(grouped(min - 1, '_'), format!("must be at least {min}"));
            add(grouped(max + 1, '_'), format!("must be at most {max}"));
            "an integer"
        }
        Kind::Bool => "a boolean",
        Kind::Enum { values } => {
            let names: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
            add(format!("\"{}\"", unknown(values)), format!("must be one of [{}]", names.join(",")));
            return wrong;
        }
        Kind::Timestamp => {
            let reason = "must be a date and time with an offset, such as 2026-01-31T09:30:00Z";
            add("\"tomorrow\"".to_owned(), reason.to_owned());
            return wrong;
        }
        Kind::Date => {
            add("\"2026-02-29\"".to_owned(), "must be a date, such as 2026-01-31".to_owned());
            "a string"
        }
        Kind::Uuid => {
            let reason = "must be a UUID, such as 3f2a6c1e-8b47-4d09-9a5e-7c10b2d4e6f8";
            add("\"42\"".to_owned(), reason.to_owned());
            "a string"
        }
        Kind::Json => {
            let object = format!("{{\"a\": {}}}", repeated('x', MAX_JSON_BYTES - OBJECT_BYTES + 1));
            add(object, "must be at most 16,384 bytes of JSON".to_owned());
            "an object"
        }
        Kind::Decimal { precision, scale } => {
            let whole = precision - scale;
            let reason = format!(
                "must be a decimal number as text with at most {whole} digits before the point and {scale} behind it"
            );
            add(format!("\"{}\"", decimal(greatest(*precision) + 1, *scale)), reason.clone());
            add(format!("\"{}\"", decimal(1, scale + 1)), reason);
            "a string"
        }
        Kind::TextList { items, min, max } => {
            let text = repeated('x', *max.min(&(*min).max(1)));
            add(format!("vec![{text}; {}]", items + 1), format!("must have at most {items} items"));
            "an array"
        }
    };
    if !field.nullable {
        add("null".to_owned(), format!("must be {type_name}"));
    }
    wrong
}
