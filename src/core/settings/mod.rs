//! Settings: read once at start, checked as a whole, then never again.
//!
//! A value comes from the environment, else from `.env` in the working directory, else from its default; an
//! empty variable counts as unset, and white space around a value is dropped. Every wrong setting is reported at
//! once, so that a deployment is corrected in one round. A secret may be in a file instead, which the variable with
//! `_FILE` behind its name names.
//!
//! A setting has one home, its entry in `table.rs`. The field of [`Settings`], the parsing, `.env.example`, the
//! table of the README and the masked listing of `groundwork config` all come from that entry.

mod check;
mod database_url;
mod env_file;
mod error;
mod optional;
mod redis_url;
mod render;
mod rules;
mod secret_file;
mod source;
mod table;
mod types;
mod value_file;
mod web;

pub use database_url::{DatabaseUrl, InvalidUrl, PostgresUrl, Roots, SecretUrl, Tls};
pub use error::{EnvFileFault, EnvFileProblem, Problem, SettingsError};
pub use groundwork_server::client::ForwardedHeader;
pub use redis_url::{RedisUrl, SentinelUrl};
pub use render::{env_example, markdown_table};
pub use secret_file::SecretFileError;
pub use table::Settings;
pub use types::{AppEnv, JwtAlgorithm, LogFormat, PoolMode};

/// What stands in for a secret wherever settings are shown. Its length says nothing about the secret's.
const MASK: &str = "********";
