//! What can be wrong with settings, in words that an operator can act on.

use std::fmt::{self, Write as _};
use std::io;

use groundwork_files::Mode;
use thiserror::Error;

use crate::Entry;

/// Settings that a program cannot start with. No message holds the value of a secret.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// All wrong values, in the order of declaration.
    #[error("{}", heading("setting", "settings", .0))]
    Invalid(Vec<Problem>),
    /// All lines of `.env` that cannot be read. Values are only checked once these are right.
    #[error("{}", heading("line of .env", "lines of .env", .0))]
    EnvFile(Vec<EnvFileProblem>),
    /// A `.env` that exists and cannot be opened or is not text.
    #[error("cannot read .env in the working directory: {0}")]
    EnvFileUnreadable(#[from] io::Error),
    /// A `.env` that other users of the machine may write, or read although it holds secrets.
    #[error(".env in the working directory is open to every user of this machine (mode {0}): chmod 600 it")]
    EnvFileExposed(Mode),
}

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The environment variable.
    pub variable: &'static str,
    /// The problem, as the predicate of a sentence whose subject is the variable.
    pub problem: String,
    /// A value that is accepted.
    pub example: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}\n    example: {0}={}", self.variable, self.problem, self.example)
    }
}

/// The problems of settings, to which the rules between settings add theirs.
#[derive(Debug, Default)]
pub struct Problems {
    entries: Vec<Entry>,
    found: Vec<Problem>,
}

impl Problems {
    pub(crate) fn of(entries: Vec<Entry>) -> Self {
        Self { entries, found: Vec::new() }
    }

    /// Whether a setting has a problem already, so that it holds its default instead of the value
    /// that was given.
    pub fn has(&self, variable: &str) -> bool {
        self.found.iter().any(|problem| problem.variable == variable)
    }

    /// Adds a problem, as the predicate of a sentence whose subject is the variable. It is ignored
    /// if the variable has one already.
    pub fn add(&mut self, variable: &'static str, problem: impl Into<String>) {
        if !self.has(variable) {
            let entry = self.entries.iter().find(|entry| entry.name == variable);
            let example = entry.map_or("", |entry| entry.example);
            self.found.push(Problem { variable, problem: problem.into(), example });
        }
    }

    /// All problems in the order of declaration.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        let place = |problem: &Problem| self.entries.iter().position(|entry| entry.name == problem.variable);
        self.found.sort_by_key(place);
        self.found
    }
}

/// One line of `.env` that is not a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFileProblem {
    /// The line, from 1; the first one of a value that spans several.
    pub line: usize,
    /// The variable that the line sets, if that much can be read.
    pub variable: Option<String>,
    /// What is wrong with it, as the predicate of a sentence.
    pub problem: &'static str,
}

impl fmt::Display for EnvFileProblem {
    /// Repeats nothing of the value, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(variable) = &self.variable {
            write!(f, " ({variable})")?;
        }
        write!(f, " {}", self.problem)
    }
}

/// The number of problems, then each on its own line.
fn heading<T: fmt::Display>(one: &str, many: &str, problems: &[T]) -> String {
    let mut text = match problems.len() {
        1 => format!("1 {one} is wrong:"),
        count => format!("{count} {many} are wrong:"),
    };
    for problem in problems {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n  {problem}");
    }
    text
}
