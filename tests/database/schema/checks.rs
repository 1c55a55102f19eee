//! CHECK constraints: SQLite keeps them as they were written, PostgreSQL as it has understood them.

use std::collections::BTreeSet;

use super::Schema;
use crate::support::TestDatabase;

/// What every CHECK constraint in the text of a table begins with, as a rule of SQLite's.
const CHECK: &str = "CHECK ";

/// The CHECK constraints in the text of a `CREATE TABLE`, as they are written.
pub fn checks(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < sql.len() {
        let rest = &sql[at..];
        let is_check = rest.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("check"));
        let behind = rest.get(5..).map(str::trim_start).filter(|behind| behind.starts_with('('));
        let is_word = !sql[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        match behind.filter(|_| is_check && is_word) {
            Some(behind) => {
                let expression = &behind[..parenthesized(behind)];
                found.push(format!("{CHECK}{expression}"));
                at = sql.len() - behind.len() + expression.len();
            }
            None => at += token(rest),
        }
    }
    found
}

/// The length of what is in parentheses at the beginning of a text, with them.
fn parenthesized(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_i32);
    loop {
        depth += i32::from(text[at..].starts_with('(')) - i32::from(text[at..].starts_with(')'));
        at += token(&text[at..]);
        if depth == 0 || at == text.len() {
            return at;
        }
    }
}

/// The length of a quoted text, a comment or a character at the beginning of a text.
fn token(text: &str) -> usize {
    let pairs = [("'", "'"), ("\"", "\""), ("/*", "*/"), ("--", "\n")];
    let pair = pairs.into_iter().find(|(open, _)| text.starts_with(open));
    pair.map_or_else(
        || text.chars().next().map_or(0, char::len_utf8),
        |(open, close)| {
            text[open.len()..].find(close).map_or(text.len(), |end| open.len() + end + close.len())
        },
    )
}

/// A schema of SQLite with its CHECK constraints as PostgreSQL understands them, in a database that
/// has the tables, too.
pub async fn read_by_postgres(database: &TestDatabase, mut schema: Schema) -> Schema {
    for (name, table) in &mut schema {
        let (checks, mut rules): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut table.rules).into_iter().partition(|rule| rule.starts_with(CHECK));
        for check in checks {
            database.sql(&format!("ALTER TABLE {name} ADD CONSTRAINT of_sqlite {check}")).await;
            let read = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'of_sqlite'";
            rules.extend(database.sql(read).await);
            database.sql(&format!("ALTER TABLE {name} DROP CONSTRAINT of_sqlite")).await;
        }
        table.rules = rules;
    }
    schema
}

#[test]
fn checks_are_found_in_the_text_of_a_table() {
    let sql = "CREATE TABLE t (a TEXT CHECK (a <> ')''(' AND (a <> '')), -- CHECK (no)\n \
               check_b TEXT DEFAULT 'CHECK (no)', CONSTRAINT c Check\n((check_b) > a /* ) */))";
    assert_eq!(checks(sql), ["CHECK (a <> ')''(' AND (a <> ''))", "CHECK ((check_b) > a /* ) */)"]);
    assert_eq!(checks("CREATE TABLE t (checked TEXT, recheck TEXT)"), [""; 0]);
}
