//! Which words can name a resource, a field or a value of an enum.

use crate::keywords::KEYWORDS;

/// The longest name of a resource or a field: with those of an index, PostgreSQL cuts at 63 bytes.
pub const MAX_LENGTH: usize = 24;

/// Names that generated clients or the code of a resource use for something else: as a type or a
/// variable they would hide it.
const USED: [&str; 56] = [
    "ada",
    "all",
    "any",
    "api",
    "array",
    "body",
    "caller",
    "change",
    "client",
    "connection",
    "context",
    "create",
    "date",
    "dict",
    "duration",
    "error",
    "example",
    "eve",
    "field",
    "file",
    "filter",
    "find",
    "hash",
    "header",
    "id",
    "insert",
    "integer",
    "limit",
    "list",
    "map",
    "meta",
    "method",
    "object",
    "option",
    "owner",
    "page",
    "path",
    "problem",
    "query",
    "reason",
    "request",
    "response",
    "result",
    "root",
    "service",
    "set",
    "show",
    "store",
    "string",
    "tag",
    "thread",
    "timestamp",
    "update",
    "value",
    "vec",
    "version",
];

/// Why a word is not an identifier in snake case, or which language reserves it, apart from those
/// in `except`: a phrase that follows "it".
pub fn problem(word: &str, except: &[&str]) -> Option<String> {
    if let Some(wrong) = word.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && *c != '_') {
        return Some(format!("has `{wrong}`, and only a-z, 0-9 and single underscores are allowed"));
    }
    if !word.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("must begin with a letter".to_owned());
    }
    if word.ends_with('_') || word.contains("__") {
        return Some("must have its underscores between letters or digits".to_owned());
    }
    if word.len() < 2 || word.len() > MAX_LENGTH {
        return Some(format!("must have 2 to {MAX_LENGTH} characters"));
    }
    reserved(word, except).map(|language| format!("is reserved in {language}"))
}

/// The first language that reserves a word, apart from those in `except`.
fn reserved(word: &str, except: &[&str]) -> Option<&'static str> {
    let languages = KEYWORDS.iter().filter(|(language, _)| !except.contains(language));
    let mut found = languages.filter(|(_, words)| words.split_whitespace().any(|keyword| keyword == word));
    found.next().map(|(language, _)| *language)
}

/// Whether a resource of this name would have a type that clients or handlers use.
pub fn is_used(singular: &str) -> bool {
    USED.contains(&singular)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_snake_case_is_an_identifier() {
        for word in ["orders", "order_lines", "due_at", "text", "state", "number", "line2"] {
            assert_eq!(problem(word, &[]), None, "{word}");
        }
    }

    #[test]
    fn other_words_are_refused_with_the_reason() {
        for (word, reason) in [
            ("Orders", "`O`"),
            ("order-lines", "`-`"),
            ("2nd", "letter"),
            ("order__line", "underscores"),
            ("order_", "underscores"),
            ("x", "2 to 24"),
            ("select", "SQL"),
            ("type", "Rust"),
            ("interface", "JavaScript"),
            ("lambda", "Python"),
            ("chan", "Go"),
            ("record", "Java"),
            ("test", "cargo"),
        ] {
            let problem = problem(word, &[]).unwrap_or_default();
            assert!(problem.contains(reason), "{word}: {problem}");
        }
    }

    #[test]
    fn a_singular_may_be_a_word_of_sql_where_it_names_no_column() {
        assert_eq!(reserved("order", &["SQL"]), None);
        assert_eq!(reserved("order", &[]), Some("SQL"));
        assert!(is_used("page") && !is_used("order"));
    }
}
