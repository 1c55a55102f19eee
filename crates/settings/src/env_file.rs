//! The `.env` file, which holds a developer's own settings.
//!
//! The syntax is that of shells without substitution: `NAME=value` per line, optionally after
//! `export`, with comments. In single quotes everything stands for itself. In double quotes and
//! without quotes a backslash escapes `\ ' " $` and the space, and `\n` is a line break. A quoted
//! value may span lines.

use std::io;
use std::path::Path;

use groundwork_files::{self as files, Mode};

use crate::error::{EnvFileProblem, SettingsError};
use crate::{Entry, value_file};

/// A name that is at least this similar to a setting is taken for a misspelt one (Jaro-Winkler,
/// from 0 to 1).
const MISSPELT: f64 = 0.92;
/// The longest name that is repeated: a longer one may be a part of a secret.
const NAME_LIMIT: usize = 40;

const NOT_A_SETTING: &str = "is not NAME=value; put a value with spaces, quotes or $ in single quotes";
const HAS_DOLLAR: &str = "has a $, and nothing is put in its place here; put the value in single quotes";

/// What a file sets, and who may read and write it.
#[derive(Default)]
pub(crate) struct EnvFile {
    variables: Vec<Variable>,
    /// `None` if there is no file.
    mode: Option<Mode>,
}

#[derive(Debug, PartialEq)]
struct Variable {
    line: usize,
    name: String,
    value: String,
}

impl EnvFile {
    /// The value of a variable. If it is set twice, the last one counts, as in a shell.
    pub(crate) fn get(&self, name: &str) -> Option<&String> {
        self.variables.iter().rev().find(|variable| variable.name == name).map(|variable| &variable.value)
    }

    /// The mode of the file if other users can read secrets in it.
    pub(crate) fn exposed_secrets(&self) -> Option<Mode> {
        let is_secret = |Variable { name, value, .. }: &Variable| {
            !value.is_empty() && (name.contains("SECRET") || name.contains("PASSWORD") || has_password(value))
        };
        self.mode.filter(|mode| mode.lets_others_read() && self.variables.iter().any(is_secret))
    }

    /// A sentence per line that has no effect, and one about all variables that resemble no
    /// setting.
    pub(crate) fn warnings(&self, entries: &[Entry]) -> Vec<String> {
        let files =
            entries.iter().filter(|entry| entry.is_secret).map(|entry| value_file::variable(entry.name));
        let known: Vec<_> = entries.iter().map(|entry| entry.name.to_owned()).chain(files).collect();
        let (mut warnings, mut unknown) = (Vec::new(), Vec::new());
        for (index, variable) in self.variables.iter().enumerate() {
            let Variable { line, name, .. } = variable;
            if known.contains(name) {
                if self.variables[index + 1..].iter().any(|later| later.name == *name) {
                    warnings
                        .push(format!("line {line} ({name}) of .env is ignored: a later line sets it too"));
                }
                continue;
            }
            let shown = if is_plain(name) { format!(" ({name})") } else { String::new() };
            match most_similar(name, &known) {
                Some(setting) => warnings.push(format!(
                    "line {line}{shown} of .env is ignored: it is not a setting; did you mean {setting}?"
                )),
                None => unknown.push(format!("line {line}{shown}")),
            }
        }
        if !unknown.is_empty() {
            warnings.push(format!(".env sets variables that are not settings: {}", unknown.join(", ")));
        }
        warnings
    }
}

fn most_similar<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let name = name.to_ascii_uppercase();
    let similarity = |setting: &'a String| (strsim::jaro_winkler(&name, setting), setting.as_str());
    let best = known.iter().map(similarity).max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(similarity, _)| *similarity >= MISSPELT).map(|(_, setting)| setting)
}

/// Whether a name is spelt like an environment variable and not like a secret that landed at the
/// start of a line.
fn is_plain(name: &str) -> bool {
    name.len() <= NAME_LIMIT
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether the value is an address with a password: `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let user = value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':'))
}

/// Reads a file in which other users cannot set variables; without one, nothing is set.
pub(crate) fn read(path: &Path) -> Result<EnvFile, SettingsError> {
    let (content, mode) = match files::read(path) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(EnvFile::default()),
        Err(error) => return Err(error.into()),
    };
    if mode.lets_others_write() {
        return Err(SettingsError::EnvFileExposed(mode));
    }
    let text = String::from_utf8(content)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))?;
    Ok(EnvFile { variables: parse(&text)?, mode: Some(mode) })
}

fn parse(text: &str) -> Result<Vec<Variable>, SettingsError> {
    let mut rest = text.trim_start_matches('\u{feff}');
    let (mut line, mut variables, mut problems) = (1, Vec::new(), Vec::new());
    while !rest.is_empty() {
        let end = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let first = rest[..end].trim();
        let length = if first.is_empty() || first.starts_with('#') {
            end
        } else if let Some((head, tail)) = rest[..end].split_once('=') {
            let start = end - tail.len();
            let name = variable_name(head);
            let (value, length) = value(&rest[start..]);
            match (name, value) {
                (Some(name), Ok(value)) => variables.push(Variable { line, name: name.to_owned(), value }),
                (name, value) => problems.push(EnvFileProblem {
                    line,
                    variable: name.map(str::to_owned),
                    problem: value.err().unwrap_or(NOT_A_SETTING),
                }),
            }
            start + length
        } else {
            problems.push(EnvFileProblem { line, variable: None, problem: NOT_A_SETTING });
            end
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    if problems.is_empty() { Ok(variables) } else { Err(SettingsError::EnvFile(problems)) }
}

fn variable_name(head: &str) -> Option<&str> {
    let head = head.trim();
    let name = match head.strip_prefix("export") {
        Some(name) if name.starts_with(char::is_whitespace) => name.trim_start(),
        _ => head,
    };
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
    is_name.then_some(name)
}

/// The value at the start of a text, and the length of the text up to the next entry. After a
/// problem it goes on, so that a quoted value is skipped as a whole.
fn value(text: &str) -> (Result<String, &'static str>, usize) {
    let (mut value, mut problem, mut quote) = (String::new(), None, None);
    let (mut has_begun, mut after_space) = (false, true);
    let mut end = text.len();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() {
            match c {
                '\n' => {
                    end = at + 1;
                    break;
                }
                ' ' | '\t' | '\r' => {
                    after_space = true;
                    continue;
                }
                '#' if after_space => {
                    end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
                    break;
                }
                _ if after_space && has_begun => problem = problem.or(Some(NOT_A_SETTING)),
                _ => {}
            }
            (has_begun, after_space) = (true, false);
        }
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (Some('\''), c) => value.push(c),
            (_, '$') => problem = problem.or(Some(HAS_DOLLAR)),
            (_, '\\') => match chars.next() {
                Some((_, c @ ('\\' | '\'' | '"' | '$' | ' '))) => value.push(c),
                Some((_, 'n')) => value.push('\n'),
                _ => problem = problem.or(Some(NOT_A_SETTING)),
            },
            (_, c) => value.push(c),
        }
    }
    if quote.is_some() {
        problem = Some(NOT_A_SETTING);
    }
    (problem.map_or(Ok(value), Err), end)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_dollar_that_would_be_replaced_is_an_error_that_names_the_line() {
        for (text, expected) in [
            ("JWT_SECRET_KEY=abc-$zzTAIL\n", vec![(1, "JWT_SECRET_KEY")]),
            ("PORT=1\n# $fine\n\nexport A=\"x${HOME}y\"\nB='$fine'\nC=$\n", vec![(4, "A"), (6, "C")]),
            ("A=\"one\ntwo $x\"\nB=1\n", vec![(1, "A")]),
            ("A='a'$b\n", vec![(1, "A")]),
            ("A=a'$b'\"$c\"\n", vec![(1, "A")]),
            ("APP_NAME=\"a$b\"\nPORT=1", vec![(1, "APP_NAME")]),
        ] {
            let Err(SettingsError::EnvFile(problems)) = parse(text) else { panic!("{text:?} is accepted") };
            let found: Vec<_> = problems
                .iter()
                .map(|found| (found.line, found.variable.as_deref().unwrap_or_default()))
                .collect();
            assert_eq!(found, expected, "{text:?}");
            assert!(
                problems.iter().all(|problem| problem.to_string().contains("single quotes")),
                "{problems:?}"
            );
        }
        for text in [
            "A='a$b'\n",
            "A=a\\$b\n",
            "A=\"a\\$b\"\n",
            "A=1 # costs $5\n",
            "A='one\ntwo $x'\n",
            "A=\"it's\"'$x'\n",
        ] {
            assert!(parse(text).is_ok(), "{text:?}");
        }
        for text in ["A='a$b'\n", "A=a\\$b\n", "A=\"a\\$b\""] {
            assert_eq!(parse(text).unwrap()[0].value, "a$b");
        }
    }

    #[test]
    fn who_may_read_and_write_the_file_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        let with_mode = |content: &str, mode| {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read(&path)
        };
        for (content, mode, shown) in [
            ("JWT_SECRET_KEY=x\n", 0o644, true),
            ("JWT_SECRET_KEY=x\n", 0o640, false),
            ("JWT_SECRET_KEY=\nPORT=1\n", 0o644, false),
            ("DATABASE_URL=postgres://u:p@h/d\n", 0o604, true),
            ("DATABASE_URL=postgres://u@h/d\n", 0o604, false),
        ] {
            let file = with_mode(content, mode).unwrap();
            assert_eq!(file.exposed_secrets().is_some(), shown, "{mode:o} {content}");
        }
        assert!(matches!(with_mode("PORT=1\n", 0o646), Err(SettingsError::EnvFileExposed(_))));
    }

    #[test]
    fn variables_are_read_with_quotes_comments_and_export() {
        let text = "\u{feff}# it's a comment\n\nPORT=1 # why\nexport HOST='::'\nAPP_NAME=\"two\nlines\"\nPORT=2\nEMPTY=\nLAST=x ";
        let file = EnvFile { variables: parse(text).unwrap(), mode: None };
        let get = |name: &str| file.get(name).map(String::as_str);
        assert_eq!(get("PORT"), Some("2"));
        assert_eq!(get("HOST"), Some("::"));
        assert_eq!(get("APP_NAME"), Some("two\nlines"));
        assert_eq!(get("EMPTY"), Some(""));
        assert_eq!(get("LAST"), Some("x"));
        assert_eq!(file.variables.len(), 6);
        assert_eq!(file.variables[4], Variable { line: 8, name: "EMPTY".to_owned(), value: String::new() });
    }

    #[test]
    fn every_malformed_line_is_named_and_none_is_repeated() {
        let long = "x".repeat(20_000);
        for (text, expected) in [
            (
                "PORT=1\n\n# fine\nnonsense hunter2\nHOST=::1\nAPP_NAME=hunter2 x\n".to_owned(),
                vec![(4, None), (6, Some("APP_NAME"))],
            ),
            ("A=\"1\n2\"\nJWT_SECRET_KEY='hunter2\nPORT=1\n".to_owned(), vec![(3, Some("JWT_SECRET_KEY"))]),
            (format!("A={long}\nexport B=hunter2 x\n"), vec![(2, Some("B"))]),
            ("hunter2".to_owned(), vec![(1, None)]),
            ("=hunter2".to_owned(), vec![(1, None)]),
            ("1 hunter2=x".to_owned(), vec![(1, None)]),
        ] {
            let Err(error) = parse(&text) else { panic!("{text:?} is accepted") };
            let message = error.to_string();
            assert!(!message.contains("hunter2"), "{message}");
            let SettingsError::EnvFile(problems) = error else { panic!("{message}") };
            let found: Vec<_> =
                problems.iter().map(|found| (found.line, found.variable.as_deref())).collect();
            assert_eq!(found, expected, "{message}");
        }
    }

    #[test]
    fn no_file_sets_nothing_and_an_unreadable_one_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(&directory.path().join(".env")).unwrap().variables.is_empty());
        let error = read(directory.path()).err().unwrap();
        assert!(matches!(error, SettingsError::EnvFileUnreadable(_)), "{error}");
        fs::write(directory.path().join(".env"), b"A=\xff").unwrap();
        let error = read(&directory.path().join(".env")).err().unwrap();
        assert!(error.to_string().starts_with("cannot read .env"), "{error}");
    }

    #[test]
    fn escapes_and_blanks_are_those_of_a_shell() {
        for (text, expected) in [
            (r#"A=a\ b\\\"\'"#, r#"a b\"'"#),
            (r#"A="a\n\$b" # c"#, "a\n$b"),
            ("A = x#y \r\n", "x#y"),
            ("A=# x", ""),
            ("A='a'\"b\"c", "abc"),
            (r"A='a\'", r"a\"),
            ("export=1", "1"),
        ] {
            assert_eq!(parse(text).unwrap()[0].value, expected, "{text:?}");
        }
        for text in [r"A=\x", "A=1 2", "A='1", "A=\"1", "A=1\\", "export A", "A-B=1", "A='1' '2'"] {
            let Err(SettingsError::EnvFile(problems)) = parse(text) else { panic!("{text:?} is accepted") };
            assert_eq!((problems.len(), problems[0].problem), (1, NOT_A_SETTING), "{text:?}");
        }
    }

    #[test]
    fn a_line_without_effect_is_warned_of_and_no_secret_is_repeated() {
        let entry = |name, is_secret| Entry {
            name,
            is_secret,
            default: "",
            example: "",
            doc: "",
            accepts: String::new(),
        };
        let entries = [
            entry("PORT", false),
            entry("HOST", false),
            entry("JWT_SECRET_KEY", true),
            entry("APP_NAME", false),
        ];
        let warnings =
            |text: &str| EnvFile { variables: parse(text).unwrap(), mode: None }.warnings(&entries);
        assert_eq!(warnings("PORT=1\nJWT_SECRET_KEY_FILE=/f\n"), Vec::<String>::new());
        assert_eq!(
            warnings("PORT=1\nPROT=2\nPORT=3\nJWT_SECRET=x\nport=4\nCOMPOSE_FILE=c\nHOSTNAME=h\nhunter2==\n"),
            [
                "line 1 (PORT) of .env is ignored: a later line sets it too",
                "line 2 (PROT) of .env is ignored: it is not a setting; did you mean PORT?",
                "line 4 (JWT_SECRET) of .env is ignored: it is not a setting; did you mean JWT_SECRET_KEY?",
                "line 5 of .env is ignored: it is not a setting; did you mean PORT?",
                ".env sets variables that are not settings: line 6 (COMPOSE_FILE), line 7 (HOSTNAME), line 8",
            ]
        );
    }
}
