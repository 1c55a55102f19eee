//! Where values come from, and in which order.

use std::env;
use std::path::Path;

use super::check::Check;
use super::env_file;
use super::error::{Problem, SettingsError};
use super::rules::{self, Need};
use super::table::Settings;
use super::value_file;
use crate::core::files::Mode;

/// A source that has a value it cannot hand over says why in its error.
type Lookup<'a> = dyn Fn(&str) -> Result<Option<String>, String> + 'a;

/// How much of a wrong value a message repeats.
const ECHO_LIMIT: usize = 60;

impl Settings {
    /// The settings of this process, for a command that serves: environment, then `.env` in the working
    /// directory, then defaults. Touches nothing else.
    pub fn load() -> Result<Self, SettingsError> {
        Self::from_sources(&environment, Path::new(".env"), Need::Secret)
    }

    /// As [`Settings::load`] for a command that signs no token, such as `openapi`, `migrate` or `config`: a
    /// missing `JWT_SECRET_KEY` is no error in any environment. Every other rule holds.
    pub fn load_without_secret() -> Result<Self, SettingsError> {
        Self::from_sources(&environment, Path::new(".env"), Need::NoSecret)
    }

    /// The settings a lookup gives, with defaults for what it does not have; the rules are those of
    /// [`Settings::load`]. Reads no environment, and no file but those that a `NAME_FILE` names.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Self::check(&|name| Ok(lookup(name)), Need::Secret)
    }

    fn from_sources(environment: &Lookup<'_>, file: &Path, need: Need) -> Result<Self, SettingsError> {
        let file = env_file::read(file)?;
        if let Some(mode) = file.lets_others_write() {
            return Err(SettingsError::EnvFileExposed(mode));
        }
        let lookup = |name: &str| match environment(name)? {
            Some(value) if !value.trim().is_empty() => Ok(Some(value)),
            _ => Ok(file.variables.get(name).cloned()),
        };
        let settings = Self::check(&lookup, need)?;
        match file.shows_secrets() {
            Some(mode) if settings.app_env.is_deployed() => Err(SettingsError::EnvFileExposed(mode)),
            _ => Ok(settings),
        }
    }

    /// The mode of `.env` in the working directory if every user of the machine can read secrets in it, which is an error where
    /// the service is deployed and worth a warning elsewhere.
    pub fn exposed_env_file() -> Option<Mode> {
        env_file::read(Path::new(".env")).ok()?.shows_secrets()
    }

    fn check(lookup: &Lookup<'_>, need: Need) -> Result<Self, SettingsError> {
        let mut reader = Reader { lookup, problems: Vec::new() };
        let settings = Self::collect(&mut reader);
        let mut problems = reader.problems;
        if let Some(settings) = &settings {
            rules::between_settings(settings, need, &mut problems);
        }
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(SettingsError::Invalid(problems)),
        }
    }
}

/// The variable of this process. One that is not UTF-8 is an error rather than unset: ignoring it would start
/// the service with a default nobody asked for.
fn environment(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err("is not valid UTF-8".to_owned()),
    }
}

/// Reads one setting after the other and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    lookup: &'a Lookup<'a>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// The value of a setting; its default when it is unset or wrong. `None` only if the default is wrong, which
    /// is reported like any other problem.
    pub(super) fn read<C: Check>(
        &mut self,
        variable: &'static str,
        default: &'static str,
        example: &'static str,
        check: &C,
    ) -> Option<C::Value> {
        let value = match self.value(variable, C::SECRET) {
            Ok(value) => value,
            Err(problem) => {
                self.problems.push(Problem { variable, problem, example });
                String::new()
            }
        };
        let value = value.trim();
        let value = if value.is_empty() { default } else { value };
        check
            .read(value)
            .or_else(|problem| {
                let problem = if C::HIDDEN { problem } else { with_value(problem, value) };
                self.problems.push(Problem { variable, problem, example });
                check.read(default)
            })
            .ok()
    }

    /// The value of a variable; empty when it is unset. A secret may be in a file instead, which `NAME_FILE` names.
    fn value(&self, variable: &str, is_secret: bool) -> Result<String, String> {
        let set = |name: &str| Ok((self.lookup)(name)?.filter(|value| !value.trim().is_empty()));
        let value: Option<String> = set(variable)?;
        if !is_secret {
            return Ok(value.unwrap_or_default());
        }
        let file = value_file::variable(variable);
        let path = set(&file).map_err(|problem: String| format!("cannot be read: {file} {problem}"))?;
        match (value, path) {
            (Some(_), Some(_)) => Err(format!("is set, and so is {file}: set one of them")),
            (None, Some(path)) => value_file::read(&file, path.trim()),
            (value, None) => Ok(value.unwrap_or_default()),
        }
    }
}

/// The problem, and the value that has it. A value with an `@` may be an address with a password that was given
/// to the wrong variable, so it is left out.
fn with_value(problem: String, value: &str) -> String {
    if value.contains('@') {
        return problem;
    }
    let (shown, dots) = match value.char_indices().nth(ECHO_LIMIT) {
        Some((end, _)) => (&value[..end], "…"),
        None => (value, ""),
    };
    format!("{problem} (it is {shown:?}{dots})")
}

#[cfg(test)]
mod tests;
