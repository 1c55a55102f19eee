//! The plan to add fields to a resource. What people have changed in its files since is kept: the
//! difference that the fields make is merged into them.

use std::path::Path;

use super::columns::classes;
use super::edit::{Edit, replace};
use super::field::{Field, Kind};
use super::files::Parts;
use super::plan::{Change, Plan};
use super::resource::{Resource, split};

use super::{format, merge, parts, recover, samples, user_field};
use crate::error::Error;
use crate::tree::Tree;

/// The plan to add `fields` to the resource: each item may hold several, as for a new resource. Rows
/// that are there already get the `default` of the one that is required.
///
/// # Errors
/// When the resource is not there or has the field, or people have changed the very lines.
pub fn plan(
    root: &Path,
    plural: &str,
    fields: &[String],
    default: Option<&str>,
    stamp: &str,
) -> Result<Plan, Error> {
    let fields = split(fields);
    if plural == user_field::TABLE {
        let [field] = &*fields else {
            return Err(Error::Refused("users get one field at a time".to_owned()));
        };
        return user_field::plan(root, field, default, stamp);
    }
    let tree = Tree::at(root);
    let (old, made) = recover::resource(&tree, plural)?;
    let fields: Result<Vec<Field>, _> = fields.iter().map(|field| field.parse()).collect();
    let fields = fields.map_err(Error::Refused)?;
    let new = fields.iter().try_fold(old.clone(), |resource, field| resource.with(field));
    let new = new.map_err(Error::Refused)?;
    let sql = Sql::of_all(&new, &fields, default).map_err(Error::Refused)?;
    let names: Vec<_> = fields.iter().map(|field| &*field.name).collect();
    let mut changes = sql.migrations(&format!("{stamp}_{plural}_{}", names.join("_")));
    let mut conflicts = Vec::new();
    let (old, new) = (parts::of(&old, &made)?, parts::of(&new, &made)?);
    let files =
        old.files.into_iter().zip(new.files).filter(|((path, _), _)| !path.starts_with("migrations/"));
    for ((path, old), (_, new)) in files {
        let before = if root.join(&path).exists() { tree.text(&path)? } else { None };
        let (old, new) = (format::file(root, &path, old)?, format::file(root, &path, new)?);
        let after = match &before {
            Some(text) => merge::merge(&old, text, &new)?,
            None => None,
        };
        match after {
            Some(_) => changes.push(Change { path, before, after }),
            None => conflicts.push(path),
        }
    }
    let edits = Parts::differing(old.edits, new.edits);
    for (path, pairs) in edits {
        let before = tree.text(&path)?.unwrap_or_default();
        match replaced(root, &path, &before, &pairs) {
            Ok(after) => changes.push(Change { path, before: Some(before), after: Some(after) }),
            Err(Error::Refused(_)) => conflicts.push(path),
            Err(error) => return Err(error),
        }
    }
    if conflicts.is_empty() {
        return Ok(Plan::new(root, changes));
    }
    Err(Error::Refused(format!(
        "the lines that change are not as they were made, so it is for you to change them, in:\n  {}",
        conflicts.join("\n  ")
    )))
}

fn replaced(root: &Path, path: &str, text: &str, pairs: &[(Edit, Edit)]) -> Result<String, Error> {
    let format = |text: String| Ok::<_, Error>(format::file(root, path, text)?);
    pairs.iter().try_fold(text.to_owned(), |text, (old, new)| replace(&text, (old, new), format))
}

/// The statements of the migration, up and down, for PostgreSQL and SQLite.
pub(super) struct Sql([(&'static str, String, String); 2]);

impl Sql {
    /// Those of all `fields`, of which one is required if there is a `default`.
    fn of_all(resource: &Resource, fields: &[Field], default: Option<&str>) -> Result<Self, String> {
        let required = fields.iter().filter(|field| !field.nullable).count();
        if default.is_some() && required > 1 {
            return Err("--default is the value of one field: add required ones one at a time".to_owned());
        }
        let default_of = |field: &Field| default.filter(|_| required == 0 || !field.nullable);
        let all = fields.iter().map(|field| Self::of(resource, field, default_of(field)));
        let nothing = Self(["postgres", "sqlite"].map(|database| (database, String::new(), String::new())));
        all.into_iter().try_fold(nothing, |sql, next| Ok(sql.and(next?)))
    }

    fn and(self, next: Self) -> Self {
        let [(postgres, up, down), (sqlite, up_sqlite, down_sqlite)] = self.0;
        let [(_, next_up, next_down), (_, next_up_sqlite, next_down_sqlite)] = next.0;
        Self([
            (postgres, up + &next_up, next_down + &down),
            (sqlite, up_sqlite + &next_up_sqlite, next_down_sqlite + &down_sqlite),
        ])
    }

    pub(super) fn of(resource: &Resource, field: &Field, default: Option<&str>) -> Result<Self, String> {
        let refused = |reason: &str| Err(format!("field `{field}`: {reason}"));
        let rest = match (field.nullable, default) {
            (true, None) => [String::new(), String::new()],
            (true, Some(_)) => return refused("rows that are there already get null; leave --default out"),
            (false, None) => {
                return refused("it is required, so give --default VALUE for rows that are there already");
            }
            (false, Some(value)) => match literals(&field.kind, value) {
                Some(literals) => literals.map(|literal| format!(" NOT NULL DEFAULT {literal}")),
                None => return refused(&format!("`{value}` is not one of its values")),
            },
        };
        let table = resource.plural();
        let [postgres, sqlite, _] = classes(&field.kind);
        let [in_postgres, in_sqlite] = rest;
        let statements = [("postgres", postgres, in_postgres), ("sqlite", sqlite, in_sqlite)];
        Ok(Self(statements.map(|(database, class, rest)| {
            let Field { name, .. } = field;
            let up = format!("ALTER TABLE {table} ADD COLUMN {name} {class}{rest};\n");
            (database, up, format!("ALTER TABLE {table} DROP COLUMN {name};\n"))
        })))
    }

    pub(super) fn migrations(self, name: &str) -> Vec<Change> {
        let files = self.0.into_iter().flat_map(|(database, up, down)| {
            [("up", up), ("down", down)].map(|(file, text)| Change {
                path: format!("migrations/{database}/{name}/{file}.sql"),
                before: None,
                after: Some(text),
            })
        });
        files.collect()
    }
}

/// A value of the kind as literals of PostgreSQL and SQLite.
fn literals(kind: &Kind, value: &str) -> Option<[String; 2]> {
    let both = |literal: String| Some([literal.clone(), literal]);
    let text = || format!("'{}'", value.replace('\'', "''"));
    match kind {
        Kind::Text { min, max } => {
            let length = i64::try_from(value.chars().count()).ok()?;
            let is_valid = (*min..=*max).contains(&length) && (*min == 0 || !value.trim().is_empty());
            if is_valid { both(text()) } else { None }
        }
        Kind::Int { min, max } => {
            let number = value.parse::<i64>().ok().filter(|number| (*min..=*max).contains(number))?;
            both(number.to_string())
        }
        Kind::Bool => both(value.parse::<bool>().ok()?.to_string().to_uppercase()),
        Kind::Enum { values } => values.iter().any(|known| known == value).then(text).and_then(both),
        // SQLite has microseconds.
        Kind::Timestamp => {
            let instant: jiff::Timestamp = value.parse().ok()?;
            Some([format!("'{instant}'"), instant.as_microsecond().to_string()])
        }
        Kind::Date => {
            let date: jiff::civil::Date = value.parse().ok()?;
            (date.year() > 0 && date.to_string() == value).then(text).and_then(both)
        }
        Kind::Uuid => {
            let digits = value.replace('-', "");
            let is_valid =
                value.len() == 36 && digits.len() == 32 && digits.bytes().all(|c| c.is_ascii_hexdigit());
            is_valid.then(|| [text(), format!("X'{digits}'")])
        }
        Kind::Json => {
            serde_json::from_str::<serde_json::Value>(value).ok()?.is_object().then(text).and_then(both)
        }
        Kind::Decimal { precision, scale } => {
            let units = units(value, *scale)?;
            (units.to_string().trim_start_matches('-').len() <= usize::try_from(*precision).ok()?)
                .then(|| [samples::decimal(units, *scale), units.to_string()])
        }
        // Only the empty list: the two databases write others in different ways.
        Kind::TextList { .. } => (value == "[]").then(|| ["'{}'".to_owned(), "'[]'".to_owned()]),
    }
}

/// A decimal number in its smallest unit.
fn units(value: &str, scale: i64) -> Option<i64> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let width = usize::try_from(scale).ok()?;
    let is_number = whole.trim_start_matches('-').bytes().chain(fraction.bytes()).all(|c| c.is_ascii_digit());
    let is_written = is_number && !whole.is_empty() && fraction.len() <= width;
    format!("{whole}{fraction:0<width$}").parse().ok().filter(|_| is_written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals_of(kind: &str, value: &str) -> Option<[String; 2]> {
        literals(&kind.parse().unwrap(), value)
    }

    #[test]
    fn a_default_is_a_value_of_the_field() {
        let both = |literal: &str| Some([literal.to_owned(), literal.to_owned()]);
        assert_eq!(literals_of("text(1..9)", "it's"), both("'it''s'"));
        assert_eq!(literals_of("text(1..9)", "  "), None);
        assert_eq!(literals_of("int(1..9)", "9"), both("9"));
        assert_eq!(literals_of("int(1..9)", "10"), None);
        assert_eq!(literals_of("bool", "false"), both("FALSE"));
        assert_eq!(literals_of("enum(a,b)", "b"), both("'b'"));
        assert_eq!(literals_of("enum(a,b)", "c"), None);
        assert_eq!(literals_of("date", "2026-01-31"), both("'2026-01-31'"));
        assert_eq!(literals_of("date", "2026-02-29"), None);
        assert_eq!(literals_of("json", "{}"), both("'{}'"));
        assert_eq!(literals_of("json", "1"), None);
        assert_eq!(literals_of("decimal(4,2)", "1.5"), Some(["1.50".to_owned(), "150".to_owned()]));
        assert_eq!(literals_of("decimal(4,2)", "-0.05"), Some(["-0.05".to_owned(), "-5".to_owned()]));
        assert_eq!(literals_of("decimal(4,2)", "100"), None);
        assert_eq!(literals_of("text[](9,1..9)", "[]"), Some(["'{}'".to_owned(), "'[]'".to_owned()]));
        let uuid = literals_of("uuid", "3f2a6c1e-8b47-4d09-9a5e-7c10b2d4e6f8").unwrap();
        assert_eq!(uuid[1], "X'3f2a6c1e8b474d099a5e7c10b2d4e6f8'");
        let instant = literals_of("timestamp", "2026-01-31T09:30:00Z").unwrap();
        assert_eq!(instant, ["'2026-01-31T09:30:00Z'", "1769851800000000"]);
    }
}
