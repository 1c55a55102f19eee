//! Sample values of fields, for the document and for tests.

use serde_json::{Value, json};

use super::field::{Field, Kind};
use super::words;

/// Samples of texts by the last word of the field's name.
const TEXTS: [(&[&str], &str); 14] = [
    (&["number"], "2026-0042"),
    (&["code", "key", "sku"], "A-42"),
    (&["name", "title", "subject"], "The first one"),
    (&["note", "comment", "message", "remark"], "Please ring twice."),
    (&["text", "body", "content", "description", "summary"], "A few words about it."),
    (&["email"], "ada@example.com"),
    (&["phone", "fax"], "+44 20 7946 0958"),
    (&["url", "link", "website"], "https://example.com/"),
    (&["street", "address"], "12 St James's Square"),
    (&["city", "place"], "London"),
    (&["zip", "postcode"], "SW1Y 4JH"),
    (&["country"], "GB"),
    (&["currency"], "EUR"),
    (&["color", "colour"], "green"),
];

/// The instants of the samples, in seconds: 2026-12-24T18:00:00Z and a day later.
pub const INSTANTS: [i64; 2] = [1_798_135_200, 1_798_221_600];

/// A value that the field may have. Another `turn` is another value, if the field has one.
pub fn sample(field: &Field, turn: usize) -> Value {
    match &field.kind {
        Kind::Text { min, max } => json!(text(&field.name, (*min, *max), turn)),
        Kind::Int { min, max } => json!((3 + i64::from(turn > 0)).clamp(*min, *max)),
        Kind::Bool => json!(turn == 0),
        Kind::Enum { values } => json!(values[turn % values.len()]),
        Kind::Timestamp => json!(if turn == 0 { "2026-12-24T18:00:00Z" } else { "2026-12-25T18:00:00Z" }),
        Kind::Date => json!(if turn == 0 { "2026-12-24" } else { "2024-02-29" }),
        Kind::Uuid => json!(format!("3f2a6c1e-8b47-4d09-9a5e-7c10b2d4e6f{}", turn % 10)),
        Kind::Json => json!({"color": "green", "sizes": [1, 2.5], "turn": turn}),
        Kind::Decimal { scale, .. } => json!(decimal(if turn == 0 { 3 } else { -5 }, *scale)),
        Kind::TextList { items, min, max } => {
            let texts =
                (0..(*items).min(2)).map(|item| text("item", (*min, *max), usize::from(item > 0) + turn));
            texts.collect()
        }
    }
}

/// Of this many of the smallest unit, as it is shown.
pub fn decimal(units: i64, scale: i64) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let width = usize::try_from(scale).unwrap_or_default() + 1;
    let digits = format!("{:0width$}", units.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() + 1 - width);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn text(name: &str, (min, max): (i64, i64), turn: usize) -> String {
    let last = name.rsplit('_').next().unwrap_or(name);
    let known = TEXTS.iter().find(|(words, _)| words.contains(&last)).map(|(_, sample)| (*sample).to_owned());
    let mut sample = known.unwrap_or_else(|| words::capitalized(&name.replace('_', " ")));
    let (min, max) = (usize::try_from(min).unwrap_or_default(), usize::try_from(max).unwrap_or(usize::MAX));
    if turn > 0 {
        let last = sample.pop();
        sample.push(match last {
            Some('2') => '3',
            Some('.') => '!',
            _ => '2',
        });
    }
    while sample.len() < min {
        sample.push(if sample.len() + 1 < min && !sample.ends_with(' ') { ' ' } else { 'x' });
    }
    // Only ASCII.
    sample.truncate(max);
    sample.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_the_limits() {
        for (field, first, second) in [
            ("number:text(1..40)!", json!("2026-0042"), json!("2026-0043")),
            ("customer_note:text(0..2000)?", json!("Please ring twice."), json!("Please ring twice!")),
            ("country:text(2..2)!", json!("GB"), json!("G2")),
            ("sku_group:text(1..3)!", json!("Sku"), json!("Sku")),
            ("token:text(9..9)!", json!("Token x x"), json!("Toke2 x x")),
            ("quantity:int(1..1000)!", json!(3), json!(4)),
            ("offset_hours:int(-12..-1)!", json!(-1), json!(-1)),
            ("is_gift:bool!", json!(true), json!(false)),
            ("state:enum(draft,sent)!", json!("draft"), json!("sent")),
            ("price:decimal(4,2)!", json!("0.03"), json!("-0.05")),
            ("count:decimal(4,0)!", json!("3"), json!("-5")),
            ("tags:text[](1,1..40)!", json!(["Item"]), json!(["Ite2"])),
            ("tags:text[](9,1..40)!", json!(["Item", "Ite2"]), json!(["Ite2", "Ite2"])),
        ] {
            let field: Field = field.parse().unwrap();
            assert_eq!((sample(&field, 0), sample(&field, 1)), (first, second), "{field}");
            if let Kind::Text { min, max } = field.kind {
                let length = i64::try_from(sample(&field, 0).as_str().unwrap().len()).unwrap();
                assert!((min..=max).contains(&length), "{field}");
            }
        }
    }
}
