#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod check;
mod env_file;
mod error;
mod render;
pub mod secret;
mod secret_file;
mod sources;
mod table;
mod value_file;
mod web;

pub use error::{EnvFileProblem, Problem, Problems, SettingsError};
pub use render::{env_example, markdown_table};
pub use secret_file::{SecretFileError, read_or_create_secret};
pub use sources::Sources;
pub use table::{Entry, Table};

/// Replaces a secret wherever settings are shown. Its length says nothing about the secret's.
const MASK: &str = "********";
