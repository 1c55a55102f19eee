//! `.env`, the file of a developer's own settings.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::error::{EnvFileProblem, SettingsError};

/// The variables a file sets; none if there is no file. Where a variable is set twice, the last one holds, as in
/// a shell.
pub(super) fn read(path: &Path) -> Result<HashMap<String, String>, SettingsError> {
    match fs::read_to_string(path) {
        Ok(text) => parse(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(error.into()),
    }
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
        match entry {
            Ok((name, value)) => {
                variables.insert(name, value);
            }
            Err(dotenvy::Error::Io(error)) => return Err(error.into()),
            // The error holds the line, which may be a secret, and not its number.
            Err(_) => problems.push(problem(text, before)),
        }
        before = count.get();
    }
    if problems.is_empty() { Ok(variables) } else { Err(SettingsError::EnvFile(problems)) }
}

/// The first line with content after so many lines.
fn problem(text: &str, skip: usize) -> EnvFileProblem {
    let has_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let (index, line) =
        text.lines().enumerate().skip(skip).find(|(_, line)| has_content(line)).unwrap_or((skip, ""));
    let variable =
        line.split_once('=').map(|(name, _)| name.trim().trim_start_matches("export ").trim()).filter(
            |name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        );
    EnvFileProblem { line: index + 1, variable: variable.map(str::to_owned) }
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
    use super::*;

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
        assert!(read(&directory.path().join(".env")).unwrap().is_empty());
        let error = read(directory.path()).unwrap_err();
        assert!(matches!(error, SettingsError::EnvFileUnreadable(_)), "{error}");
        fs::write(directory.path().join(".env"), b"A=\xff").unwrap();
        let error = read(&directory.path().join(".env")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read .env"), "{error}");
    }
}
