//! The fields of a resource, as the command line gives them: `number:text(1..40)!`.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::{identifier, words};

/// Columns that every table has, and fields that stand for somebody's rights.
const IMPLIED: [&str; 5] = ["id", "user_id", "owner_id", "created_at", "updated_at"];

/// Parameters that every list has.
const PARAMETERS: [&str; 3] = ["limit", "page_token", "sort"];

/// What no field is: a package, which cargo would reserve.
const OF_FIELDS: &[&str] = &["cargo"];

/// Endings of the types of a resource: `OrderPage` is its page, so no field `page` can have a type.
const TYPES: [&str; 9] = ["changes", "create", "errors", "filter", "id", "page", "service", "update", "view"];

/// The largest integer that every client reads exactly: JavaScript has 53 bits.
const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// The longest text, in characters: with four bytes each it still fits into a body.
const MAX_CHARS: i64 = 100_000;

/// The most digits of a decimal number: one of 64 bits holds any 18.
const MAX_DIGITS: i64 = 18;

/// The most items of a list.
const MAX_ITEMS: i64 = 1000;

/// Other names of kinds.
const SYNONYMS: [(&str, &str); 6] = [
    ("datetime", "timestamp"),
    ("float", "decimal(12,2)"),
    ("jsonb", "json"),
    ("money", "decimal(12,2), or int(0..1000000000) in the smallest unit, such as cents"),
    ("numeric", "decimal(12,2)"),
    ("string", "text(1..40)"),
];

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Kind {
    /// Its length in characters, both ends included.
    Text {
        min: i64,
        max: i64,
    },
    /// Its range, both ends included.
    Int {
        min: i64,
        max: i64,
    },
    Bool,
    Enum {
        values: Vec<String>,
    },
    Timestamp,
    Date,
    Uuid,
    /// An object.
    Json,
    /// The digits, and how many of them are behind the point.
    Decimal {
        precision: i64,
        scale: i64,
    },
    /// At most this many texts, and their length in characters, both ends included.
    TextList {
        items: i64,
        min: i64,
        max: i64,
    },
}

/// A field of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// In snake case, as in JSON and in SQL.
    pub name: String,
    pub kind: Kind,
    /// Whether it may be null; otherwise a client that creates the thing must send it.
    pub nullable: bool,
}

/// As on the command line.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.name)?;
        match &self.kind {
            Kind::Text { min, max } => write!(f, "text({min}..{max})")?,
            Kind::Int { min, max } => write!(f, "int({min}..{max})")?,
            Kind::Bool => f.write_str("bool")?,
            Kind::Enum { values } => write!(f, "enum({})", values.join(","))?,
            Kind::Timestamp => f.write_str("timestamp")?,
            Kind::Date => f.write_str("date")?,
            Kind::Uuid => f.write_str("uuid")?,
            Kind::Json => f.write_str("json")?,
            Kind::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})")?,
            Kind::TextList { items, min, max } => write!(f, "text[]({items},{min}..{max})")?,
        }
        f.write_str(if self.nullable { "?" } else { "!" })
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |reason: String| format!("field `{text}`: {reason}");
        let example = "a field is NAME:KIND! or NAME:KIND?, such as number:text(1..40)!";
        let (name, rest) = text.split_once(':').ok_or_else(|| refused(example.to_owned()))?;
        let (kind, nullable) = match (rest.strip_suffix('!'), rest.strip_suffix('?')) {
            (Some(kind), _) => (kind, false),
            (_, Some(kind)) => (kind, true),
            _ => {
                rest.parse::<Kind>().map_err(refused)?;
                return Err(refused(format!(
                    "ends with `!` if it is required, or with `?` if it may be null: {text}!"
                )));
            }
        };
        let kind: Kind = kind.parse().map_err(refused)?;
        let field = Self { name: name.to_owned(), kind, nullable };
        match field.problem() {
            Some(reason) => Err(refused(reason)),
            None => Ok(field),
        }
    }
}

impl Field {
    /// Whether values have a type of their own, named after the field.
    pub fn has_type(&self) -> bool {
        self.kind.is_declared() || matches!(self.kind, Kind::Decimal { .. } | Kind::TextList { .. })
    }

    /// The parameters that narrow a list by this time: `due_after` and `due_before` of `due_at`.
    pub fn limits(&self) -> [String; 2] {
        ["after", "before"].map(|side| format!("{}_{side}", self.name.trim_end_matches("_at")))
    }

    fn problem(&self) -> Option<String> {
        let Self { name, kind, .. } = self;
        if let Some(problem) = identifier::problem(name, OF_FIELDS) {
            return Some(format!("the name {problem}; try `{}`", suggestion(name)));
        }
        if IMPLIED.contains(&&**name) {
            return Some(format!(
                "every resource has the column `{name}`, or its owner instead; leave it out"
            ));
        }
        if PARAMETERS.contains(&&**name) || (self.has_type() && TYPES.contains(&&**name)) {
            return Some(format!(
                "`{name}` means something else in a list or a type; try `{}`",
                suggestion(name)
            ));
        }
        // The tests of the schema tell an instant from a number by the column's name: SQLite has no
        // type for it.
        match (kind, name.ends_with("_at")) {
            (Kind::Timestamp, false) => {
                Some(format!("the name of a timestamp ends with `_at`; try `{name}_at`"))
            }
            (Kind::Timestamp, true) | (_, false) => None,
            (_, true) => Some(format!(
                "only the name of a timestamp ends with `_at`; try `{}`",
                name.trim_end_matches("_at")
            )),
        }
    }
}

/// A name that would be accepted.
fn suggestion(name: &str) -> String {
    let lower = name.to_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let snake = parts.collect::<Vec<_>>().join("_");
    let cut = snake[..snake.len().min(identifier::MAX_LENGTH - "_value".len())].trim_matches('_').to_owned();
    let candidates = [cut.clone(), format!("{cut}_value"), format!("the_{cut}")];
    let is_free = |name: &String| {
        identifier::problem(name, OF_FIELDS).is_none()
            && !PARAMETERS.contains(&&**name)
            && !TYPES.contains(&&**name)
    };
    candidates.into_iter().find(is_free).unwrap_or_else(|| "number".to_owned())
}

impl Kind {
    /// Whether a macro declares the type of the values.
    pub fn is_declared(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Int { .. } | Self::Enum { .. })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => match rest.strip_suffix(')') {
                Some(arguments) => (name, Some(arguments)),
                None => return Err(format!("`{text}` lacks its closing parenthesis")),
            },
            None => (text, None),
        };
        match (name, arguments) {
            ("text", Some(range)) => text_of(range),
            ("int", Some(range)) => int_of(range),
            ("bool", None) => Ok(Self::Bool),
            ("timestamp", None) => Ok(Self::Timestamp),
            ("date", None) => Ok(Self::Date),
            ("uuid", None) => Ok(Self::Uuid),
            ("json", None) => Ok(Self::Json),
            ("decimal", Some(digits)) => decimal_of(digits),
            ("text[]", Some(limits)) => text_list_of(limits),
            ("enum", Some(values)) => enum_of(values),
            ("text", None) => Err("a text has limits, in characters: text(1..40)".to_owned()),
            ("int", None) => Err("an integer has limits: int(0..1000)".to_owned()),
            ("enum", None) => Err("an enum has values: enum(draft,sent,paid)".to_owned()),
            ("decimal", None) => {
                Err("a decimal has digits: decimal(12,2) has 12, 2 of them behind the point".to_owned())
            }
            ("text[]", None) => {
                Err("a list has limits: text[](10,1..40) has 10 texts of 1 to 40 characters".to_owned())
            }
            ("bool" | "timestamp" | "date" | "uuid" | "json", Some(_)) => {
                Err(format!("`{name}` has no limits: write `{name}`"))
            }
            _ => Err(unknown(name)),
        }
    }
}

fn unknown(name: &str) -> String {
    match SYNONYMS.iter().find(|(synonym, _)| *synonym == name) {
        Some((_, instead)) => format!("`{name}` is no kind of field; use {instead}"),
        None => format!(
            "`{name}` is no kind of field: text(MIN..MAX), int(MIN..MAX), decimal(DIGITS,SCALE), bool, enum(A,B), \
             timestamp, date, uuid, json, text[](ITEMS,MIN..MAX)"
        ),
    }
}

fn text_of(range: &str) -> Result<Kind, String> {
    let (min, max) = range_of("text", range)?;
    if min < 0 || max > MAX_CHARS || max == 0 {
        return Err(format!("a text has 0 to {MAX_CHARS} characters: text(1..{})", max.clamp(1, MAX_CHARS)));
    }
    Ok(Kind::Text { min, max })
}

fn int_of(range: &str) -> Result<Kind, String> {
    let (min, max) = range_of("int", range)?;
    let is_safe = |number: i64| (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&number);
    if !is_safe(min) || !is_safe(max) {
        return Err(format!("JavaScript reads no integer beyond {MAX_SAFE_INTEGER} exactly"));
    }
    Ok(Kind::Int { min, max })
}

fn decimal_of(digits: &str) -> Result<Kind, String> {
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let parsed = digits.split_once(',').and_then(|(precision, scale)| number(precision).zip(number(scale)));
    match parsed {
        Some((precision, scale))
            if (1..=MAX_DIGITS).contains(&precision) && (0..=precision).contains(&scale) =>
        {
            Ok(Kind::Decimal { precision, scale })
        }
        _ => Err(format!(
            "`{digits}` is not DIGITS,SCALE with up to {MAX_DIGITS} digits, such as decimal(12,2)"
        )),
    }
}

fn text_list_of(limits: &str) -> Result<Kind, String> {
    let (items, range) = limits.split_once(',').unwrap_or_default();
    match (items.trim().parse(), text_of(range.trim())?) {
        (Ok(items), Kind::Text { min, max }) if (1..=MAX_ITEMS).contains(&items) => {
            Ok(Kind::TextList { items, min, max })
        }
        _ => Err(format!("a list has 1 to {MAX_ITEMS} items: text[](10,1..40)")),
    }
}

fn range_of(kind: &str, range: &str) -> Result<(i64, i64), String> {
    let number = |text: &str| text.trim().replace('_', "").parse().ok();
    let parsed =
        range.split_once("..").and_then(|(min, max)| number(min).zip(number(max.trim_start_matches('='))));
    let (min, max): (i64, i64) =
        parsed.ok_or_else(|| format!("`{range}` is not MIN..MAX, such as {kind}(1..40)"))?;
    if min > max {
        return Err(format!("{min} is more than {max}: {kind}({max}..{min})"));
    }
    Ok((min, max))
}

fn enum_of(values: &str) -> Result<Kind, String> {
    let values: Vec<_> = values.split(',').map(|value| value.trim().to_owned()).collect();
    for (place, value) in values.iter().enumerate() {
        let is_spelled = value.starts_with(|c: char| c.is_ascii_lowercase())
            && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !value.ends_with('_')
            && !value.contains("__");
        if !is_spelled || value == "self" {
            return Err(format!("the value `{value}` is not a word in snake case, such as in_review"));
        }
        if values[..place].iter().any(|other| words::pascal(other) == words::pascal(value)) {
            return Err(format!("the value `{value}` is there twice"));
        }
    }
    if values.len() < 2 {
        return Err("an enum has at least two values; for one, use bool".to_owned());
    }
    Ok(Kind::Enum { values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_printed_as_it_was_given() {
        for text in [
            "number:text(1..40)!",
            "customer_note:text(0..2000)?",
            "quantity:int(1..1000)!",
            "offset_hours:int(-12..14)?",
            "is_gift:bool!",
            "state:enum(draft,sent,paid)!",
            "due_at:timestamp?",
            "target:text(1..9)!",
            "state:enum(draft,sent)?",
            "placed_on:date!",
            "reference:uuid?",
            "details:json!",
            "price:decimal(12,2)!",
            "tags:text[](10,1..40)?",
        ] {
            assert_eq!(text.parse::<Field>().unwrap().to_string(), text);
        }
        let spaced: Field = "state:enum(draft, sent)!".parse().unwrap();
        assert_eq!(spaced.to_string(), "state:enum(draft,sent)!");
    }

    #[test]
    fn what_is_wrong_with_a_field_is_said_with_the_remedy() {
        for (text, expected) in [
            ("number", "NAME:KIND!"),
            ("number:text(1..40)", "number:text(1..40)!"),
            ("number:text!", "text(1..40)"),
            ("number:text(40)!", "MIN..MAX"),
            ("number:text(40..1)!", "text(1..40)"),
            ("number:text(1..40!", "closing parenthesis"),
            ("number:text(0..1000000)!", "0 to 100000 characters"),
            ("number:int!", "int(0..1000)"),
            ("number:int(0..9007199254740992)!", "JavaScript"),
            ("is_gift:bool(1)!", "write `bool`"),
            ("state:enum!", "enum(draft,sent,paid)"),
            ("state:enum(draft)!", "at least two"),
            ("state:enum(draft,Sent)!", "`Sent`"),
            ("state:enum(draft,draft)!", "twice"),
            ("due:timestamp?", "try `due_at`"),
            ("due_at:text(1..40)?", "try `due`"),
            ("paid_on:date(1)?", "write `date`"),
            ("price:decimal!", "decimal(12,2)"),
            ("price:decimal(2,3)!", "up to 18 digits"),
            ("price:decimal(19,2)!", "up to 18 digits"),
            ("price:money!", "smallest unit"),
            ("price:float!", "use decimal(12,2)"),
            ("price:complex!", "no kind of field: text("),
            ("tags:text[]!", "text[](10,1..40)"),
            ("tags:text[](0,1..40)!", "1 to 1000 items"),
            ("tags:text[](9,40)!", "MIN..MAX"),
            ("type:text(1..40)!", "reserved in Rust; try `type_value`"),
            ("Number:text(1..40)!", "try `number`"),
            ("user_id:int(1..9)!", "leave it out"),
            ("limit:int(1..9)!", "try `limit_value`"),
            ("page:int(1..9)!", "try `page_value`"),
        ] {
            let refused = text.parse::<Field>().unwrap_err();
            assert!(refused.contains(expected) && refused.contains(text), "{refused}");
        }
    }
}
