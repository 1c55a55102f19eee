//! Where values come from, and in which order.

use std::env;
use std::path::Path;

use groundwork_files::Mode;

use crate::check::Check;
use crate::env_file::{self, EnvFile};
use crate::{Problems, SettingsError, Table, value_file};

/// How many characters of a wrong value a message repeats.
const ECHO_LIMIT: usize = 60;

/// A variable of the environment, or why it has a value that cannot be used.
type Lookup<'a> = dyn Fn(&str) -> Result<Option<String>, String> + 'a;

/// Where settings are read from: an environment, then a `.env` file, then the defaults.
pub struct Sources<'a> {
    environment: Box<Lookup<'a>>,
    file: EnvFile,
}

impl<'a> Sources<'a> {
    /// The environment of this process and `.env` in its working directory.
    ///
    /// # Errors
    /// As [`Sources::new`].
    pub fn of_process() -> Result<Self, SettingsError> {
        Self::new(process_environment, Path::new(".env"))
    }

    /// This environment and the file at this path, if there is one. The environment returns why a
    /// value cannot be used as the predicate of a sentence.
    ///
    /// # Errors
    /// If the file is malformed, unreadable, or writable by other users of the machine.
    pub fn new(
        environment: impl Fn(&str) -> Result<Option<String>, String> + 'a,
        env_file: &Path,
    ) -> Result<Self, SettingsError> {
        Ok(Self { environment: Box::new(environment), file: env_file::read(env_file)? })
    }

    /// Only what this function returns; no file, except those that a `NAME_FILE` names.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self { environment: Box::new(move |name| Ok(lookup(name))), file: EnvFile::default() }
    }

    /// Reads and checks every setting, then applies the rules between them. The rules see the
    /// default in place of a wrong value.
    ///
    /// # Errors
    /// All problems together.
    pub fn read<T: Table>(&self, rules: impl FnOnce(&T, &mut Problems)) -> Result<T, SettingsError> {
        let mut problems = Problems::of(T::entries());
        let settings = T::read(self, &mut problems);
        if let Some(settings) = &settings {
            rules(settings, &mut problems);
        }
        let problems = problems.into_sorted();
        settings.filter(|_| problems.is_empty()).ok_or(SettingsError::Invalid(problems))
    }

    /// The mode of the `.env` file if it holds secrets that every user of the machine can read.
    pub fn exposed_secrets(&self) -> Option<Mode> {
        self.file.exposed_secrets()
    }

    /// Sentences about lines of the `.env` file that have no effect. They are no errors, because
    /// the file may hold variables of other programs. No value is repeated.
    pub fn warnings<T: Table>(&self) -> Vec<String> {
        self.file.warnings(&T::entries())
    }

    /// The value of a setting; its default if it is unset or wrong. `None` only if the default is
    /// wrong, which is reported like any other problem.
    #[doc(hidden)]
    pub fn read_one<T>(
        &self,
        variable: &'static str,
        default: &str,
        check: &Check<T>,
        problems: &mut Problems,
    ) -> Option<T> {
        let value = self.value(variable, check.is_secret).unwrap_or_else(|problem| {
            problems.add(variable, problem);
            String::new()
        });
        let value = if value.trim().is_empty() { default } else { value.trim() };
        let read = check.read(value).or_else(|problem| {
            problems.add(variable, if check.is_hidden { problem } else { with_value(problem, value) });
            check.read(default)
        });
        read.ok()
    }

    /// The value of a variable; empty if it is unset. A secret may be in a file that `NAME_FILE`
    /// names.
    fn value(&self, variable: &str, is_secret: bool) -> Result<String, String> {
        let value = self.variable(variable)?;
        if !is_secret {
            return Ok(value.unwrap_or_default());
        }
        let file = value_file::variable(variable);
        let path = self.variable(&file).map_err(|problem| format!("cannot be read: {file} {problem}"))?;
        match (value, path) {
            (Some(_), Some(_)) => Err(format!("is set, and so is {file}: set one of them")),
            (None, Some(path)) => value_file::read(&file, path.trim()),
            (value, None) => Ok(value.unwrap_or_default()),
        }
    }

    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        let is_set = |value: &String| !value.trim().is_empty();
        let value = (self.environment)(name)?.filter(is_set);
        Ok(value.or_else(|| self.file.get(name).cloned().filter(is_set)))
    }
}

/// A variable of this process. One that is not UTF-8 is an error: ignoring it would silently use
/// the default.
fn process_environment(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err("is not valid UTF-8".to_owned()),
    }
}

/// The problem and the value that has it. A value with an `@` is left out: it may be an address
/// with a password that was given to the wrong variable.
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
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_the_one_of_this_process() {
        assert_eq!(process_environment("CARGO_PKG_NAME").unwrap().as_deref(), option_env!("CARGO_PKG_NAME"));
        assert_eq!(process_environment("GROUNDWORK_HAS_NO_SUCH_SETTING").unwrap(), None);
    }

    #[test]
    fn a_value_that_may_be_an_address_with_a_password_is_not_repeated() {
        assert_eq!(with_value("is wrong".to_owned(), "u:p@h"), "is wrong");
        assert_eq!(with_value("is wrong".to_owned(), "x"), "is wrong (it is \"x\")");
    }
}
