//! `.env`, the file of a developer's own settings.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use super::error::{EnvFileFault, EnvFileProblem, SettingsError};
use crate::core::files::{self, Mode};

/// What a file sets, and who may read and write it.
#[derive(Default)]
pub(super) struct EnvFile {
    /// Where a variable is set twice, the last one holds, as in a shell.
    pub(super) variables: HashMap<String, String>,
    /// `None` if there is no file.
    mode: Option<Mode>,
}

impl EnvFile {
    /// The mode of the file, if others could set variables in it.
    pub(super) fn lets_others_write(&self) -> Option<Mode> {
        self.mode.filter(|mode| mode.lets_others_write())
    }

    /// The mode of the file, if others can read secrets in it.
    pub(super) fn shows_secrets(&self) -> Option<Mode> {
        let is_secret = |(name, value): (&String, &String)| {
            !value.is_empty() && (name.contains("SECRET") || name.contains("PASSWORD") || has_password(value))
        };
        self.mode.filter(|mode| mode.lets_others_read() && self.variables.iter().any(is_secret))
    }
}

/// Whether it is an address with a password: `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let user = value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':'))
}

/// Reads a file; nothing is set if there is none.
pub(super) fn read(path: &Path) -> Result<EnvFile, SettingsError> {
    let (content, mode) = match files::read(path) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(EnvFile::default()),
        Err(error) => return Err(error.into()),
    };
    let text = String::from_utf8(content)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))?;
    Ok(EnvFile { variables: parse(text)?, mode: Some(mode) })
}

fn parse(mut text: String) -> Result<HashMap<String, String>, SettingsError> {
    // Without it the parser refuses a space at the very end.
    text.push('\n');
    let text = text.trim_start_matches('\u{feff}');
    let lines = Lines { rest: text.as_bytes(), count: &Cell::new(0) };
    let count = lines.count;
    let mut before = count.get();
    let (mut variables, mut problems) = (HashMap::new(), Vec::new());
    for entry in dotenvy::from_read_iter(lines) {
        let wrong = match entry {
            Ok((name, value)) => {
                variables.insert(name, value);
                // The parser would put another variable there, or nothing, without a word.
                first_dollar(text.lines().skip(before).take(count.get() - before))
                    .map(|_| EnvFileFault::Dollar)
            }
            Err(dotenvy::Error::Io(error)) => return Err(error.into()),
            // The error holds the line, which may be a secret, and not its number.
            Err(_) => Some(EnvFileFault::Form),
        };
        problems.extend(wrong.map(|fault| problem(text, before, fault)));
        before = count.get();
    }
    if problems.is_empty() { Ok(variables) } else { Err(SettingsError::EnvFile(problems)) }
}

/// Where, among the characters of an entry's value, a `$` stands that is neither in single quotes nor behind a backslash. The lines
/// are those of one entry, perhaps with comments before it.
fn first_dollar<'a>(lines: impl Iterator<Item = &'a str>) -> Option<usize> {
    let (mut single, mut double, mut escaped, mut begun) = (false, false, false, false);
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let mut place = 0;
    for line in lines {
        if !begun && (line.trim().is_empty() || is_comment(line)) {
            continue;
        }
        let value = if begun { line } else { line.split_once('=')?.1.trim_start() };
        begun = true;
        let mut last = 'x';
        for c in value.chars() {
            place += 1;
            match c {
                _ if escaped => escaped = false,
                '\'' if !double => single = !single,
                _ if single => {}
                '\\' => escaped = true,
                '"' => double = !double,
                '$' => return Some(place),
                '#' if !double && last.is_whitespace() => break,
                _ => {}
            }
            last = c;
        }
        // A line break behind a backslash is taken as it is.
        escaped = false;
    }
    None
}

/// The first line with content after so many lines.
fn problem(text: &str, skip: usize, fault: EnvFileFault) -> EnvFileProblem {
    let has_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let (index, line) =
        text.lines().enumerate().skip(skip).find(|(_, line)| has_content(line)).unwrap_or((skip, ""));
    let variable =
        line.split_once('=').map(|(name, _)| name.trim().trim_start_matches("export ").trim()).filter(
            |name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        );
    EnvFileProblem { line: index + 1, variable: variable.map(str::to_owned), fault }
}

/// Hands out one line per call and counts them, so that the parser is never ahead of the count.
struct Lines<'a> {
    rest: &'a [u8],
    count: &'a Cell<usize>,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.iter().position(|&byte| byte == b'\n').map_or(self.rest.len(), |end| end + 1);
        let (taken, rest) = self.rest.split_at(line.min(buffer.len()));
        buffer[..taken.len()].copy_from_slice(taken);
        self.rest = rest;
        if taken.ends_with(b"\n") {
            self.count.set(self.count.get() + 1);
        }
        Ok(taken.len())
    }
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
        ] {
            let Err(SettingsError::EnvFile(problems)) = parse(text.to_owned()) else {
                panic!("{text:?} is accepted")
            };
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
            assert!(parse(text.to_owned()).is_ok(), "{text:?}");
        }
        assert_eq!(parse("A='a$b'\n".to_owned()).unwrap()["A"], "a$b");
        assert_eq!(parse("A=a\\$b\n".to_owned()).unwrap()["A"], "a$b");
    }

    #[test]
    fn who_may_read_and_write_the_file_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        for (content, mode, writable, shown) in [
            ("JWT_SECRET_KEY=x\n", 0o644, false, true),
            ("JWT_SECRET_KEY=x\n", 0o640, false, false),
            ("JWT_SECRET_KEY=\nPORT=1\n", 0o644, false, false),
            ("DATABASE_URL=postgres://u:p@h/d\n", 0o604, false, true),
            ("DATABASE_URL=postgres://u@h/d\n", 0o604, false, false),
            ("PORT=1\n", 0o646, true, false),
        ] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let file = read(&path).unwrap();
            let found = (file.lets_others_write().is_some(), file.shows_secrets().is_some());
            assert_eq!(found, (writable, shown), "{mode:o} {content}");
        }
    }

    #[test]
    fn variables_are_read_with_quotes_comments_and_export() {
        let text = "\u{feff}# it's a comment\n\nPORT=1 # why\nexport HOST='::'\nAPP_NAME=\"two\nlines\"\nPORT=2\nEMPTY=\nLAST=x ";
        let variables = parse(text.to_owned()).unwrap();
        let get = |name: &str| variables.get(name).map(String::as_str);
        assert_eq!(get("PORT"), Some("2"));
        assert_eq!(get("HOST"), Some("::"));
        assert_eq!(get("APP_NAME"), Some("two\nlines"));
        assert_eq!(get("EMPTY"), Some(""));
        assert_eq!(get("LAST"), Some("x"));
        assert_eq!(variables.len(), 5);
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
            let Err(error) = parse(text.clone()) else { panic!("{text:?} is accepted") };
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
}
