//! What can be wrong with settings, said so that an operator can act on it.

use std::fmt::{self, Write as _};
use std::io;

use thiserror::Error;

use crate::core::files::Mode;

/// Settings the service cannot start with. No message holds the value of a secret.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// Values that are wrong: all of them, in the order of declaration.
    #[error("{}", heading("setting", "settings", .0))]
    Invalid(Vec<Problem>),
    /// Lines of `.env` that cannot be read: all of them. The values are not looked at before these are right.
    #[error("{}", heading("line of .env", "lines of .env", .0))]
    EnvFile(Vec<EnvFileProblem>),
    /// A `.env` that exists and cannot be opened or is not text.
    #[error("cannot read .env in the working directory: {0}")]
    EnvFileUnreadable(#[from] io::Error),
    /// A `.env` that other users of the machine may write, or, deployed and with secrets in it, read.
    #[error(".env in the working directory is open to every user of this machine (mode {0}): chmod 600 it")]
    EnvFileExposed(Mode),
}

/// What is wrong with a line of `.env`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvFileFault {
    /// It is not `NAME=value`.
    Form,
    /// Its value has a `$` that a shell would replace.
    Dollar,
}

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The environment variable.
    pub variable: &'static str,
    /// What is wrong, as the predicate of a sentence whose subject is the variable.
    pub problem: String,
    /// A value that is accepted.
    pub example: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}\n    example: {0}={}", self.variable, self.problem, self.example)
    }
}

/// One line of `.env` that is not a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFileProblem {
    /// The line, from 1; where a value spans lines, the first of them.
    pub line: usize,
    /// The variable the line sets, when that much can be read.
    pub variable: Option<String>,
    /// What is wrong with it.
    pub fault: EnvFileFault,
}

impl fmt::Display for EnvFileProblem {
    /// Says how to write a line and never what the line holds: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(variable) = &self.variable {
            write!(f, " ({variable})")?;
        }
        f.write_str(match self.fault {
            EnvFileFault::Form => " is not NAME=value; put a value with spaces, quotes or $ in single quotes",
            EnvFileFault::Dollar => {
                " has a $, and nothing is put in its place here; put the value in single quotes"
            }
        })
    }
}

/// How many there are, then each on its own line.
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
