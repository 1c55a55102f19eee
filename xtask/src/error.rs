//! Why a command that edits the tree did not.

use std::{error, fmt, io};

/// Why a command changed nothing.
#[derive(Debug)]
pub enum Error {
    /// A file or git.
    Io(io::Error),
    /// What is wrong with the arguments or the tree.
    Refused(String),
}

impl error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is wrong.
impl From<String> for Error {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}
