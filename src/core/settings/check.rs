//! How a value is read, shown and described: one type per kind of setting.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// The rules of one kind of setting.
pub(super) trait Check {
    /// What a value is read into.
    type Value;
    /// Whether the value is a secret. It is masked wherever it is shown, and `NAME_FILE` may name a file that holds it.
    const SECRET: bool = false;
    /// Whether a refused value may hold a secret, so that no message repeats it.
    const HIDDEN: bool = Self::SECRET;

    /// The value, or what is wrong with it as the predicate of a sentence: "must be a number".
    fn read(&self, raw: &str) -> Result<Self::Value, String>;
    /// The value as the variable would spell it, without its secrets.
    fn show(&self, value: &Self::Value) -> String;
    /// What is accepted, as a sentence for documents; empty when the documentation of the setting says it.
    fn accepts(&self) -> String;
}

/// The entries of a comma-separated list. A comma too many is no error.
pub(super) fn list<T>(raw: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    raw.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .enumerate()
        // The position, not the entry: lists of secrets use this too.
        .map(|(index, entry)| read(entry).map_err(|problem| format!("entry {}: {problem}", index + 1)))
        .collect()
}

/// The entries as the variable would spell them.
pub(super) fn join<T: Display>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

/// A line of text of at most so many characters.
pub(super) struct Name(pub usize);

impl Check for Name {
    type Value = String;

    fn read(&self, raw: &str) -> Result<String, String> {
        if raw.chars().count() > self.0 || raw.chars().any(char::is_control) {
            return Err(format!("must be at most {} characters on one line", self.0));
        }
        Ok(raw.to_owned())
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn accepts(&self) -> String {
        format!("At most {} characters.", self.0)
    }
}

/// One of some names, in any case.
pub(super) struct Choice<T: 'static>(pub &'static [T]);

impl<T: Copy + Display> Check for Choice<T> {
    type Value = T;

    fn read(&self, raw: &str) -> Result<T, String> {
        self.0.iter().copied().find(|choice| choice.to_string().eq_ignore_ascii_case(raw)).ok_or_else(|| {
            match self.0 {
                [only] => format!("must be {only}, the only value there is"),
                all => format!("must be one of {}", join(all).replace(',', ", ")),
            }
        })
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }

    fn accepts(&self) -> String {
        match self.0 {
            [only] => format!("Only `{only}`."),
            all => format!("One of `{}`.", join(all).replace(',', "`, `")),
        }
    }
}

/// On or off.
pub(super) struct Flag;

impl Check for Flag {
    type Value = bool;

    fn read(&self, raw: &str) -> Result<bool, String> {
        match raw.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        }
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }

    fn accepts(&self) -> String {
        "`true` or `false`.".to_owned()
    }
}

/// A whole number in a range, both ends included.
pub(super) struct Number<T>(pub T, pub T);

impl<T: FromStr + PartialOrd + Display> Check for Number<T> {
    type Value = T;

    fn read(&self, raw: &str) -> Result<T, String> {
        raw.parse()
            .ok()
            .filter(|number| (&self.0..=&self.1).contains(&number))
            .ok_or_else(|| format!("must be a whole number from {} to {}", self.0, self.1))
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }

    fn accepts(&self) -> String {
        format!("From {} to {}.", self.0, self.1)
    }
}

/// A span of time in whole units, in a range of units with both ends included.
pub(super) struct Time {
    unit: &'static str,
    millis_per_unit: u64,
    units: Number<u64>,
}

impl Time {
    /// From so many to so many milliseconds.
    pub(super) const fn milliseconds(min: u64, max: u64) -> Self {
        Self { unit: "milliseconds", millis_per_unit: 1, units: Number(min, max) }
    }

    /// From so many to so many seconds.
    pub(super) const fn seconds(min: u64, max: u64) -> Self {
        Self { unit: "seconds", millis_per_unit: 1_000, units: Number(min, max) }
    }

    /// From so many to so many minutes.
    pub(super) const fn minutes(min: u64, max: u64) -> Self {
        Self { unit: "minutes", millis_per_unit: 60_000, units: Number(min, max) }
    }

    /// From so many to so many days.
    pub(super) const fn days(min: u64, max: u64) -> Self {
        Self { unit: "days", millis_per_unit: 24 * 60 * 60 * 1_000, units: Number(min, max) }
    }
}

impl Check for Time {
    type Value = Duration;

    fn read(&self, raw: &str) -> Result<Duration, String> {
        // The product cannot overflow: the largest range is a year of days.
        self.units
            .read(raw)
            .map(|units| Duration::from_millis(units * self.millis_per_unit))
            .map_err(|problem| format!("{problem}, in {} without the unit", self.unit))
    }

    fn show(&self, value: &Duration) -> String {
        (value.as_millis() / u128::from(self.millis_per_unit)).to_string()
    }

    fn accepts(&self) -> String {
        format!("In {}, from {} to {}.", self.unit, self.units.0, self.units.1)
    }
}

/// The path of a file that need not be there yet.
pub(super) struct File;

impl Check for File {
    type Value = Option<PathBuf>;

    fn read(&self, raw: &str) -> Result<Option<PathBuf>, String> {
        if raw.ends_with('/') {
            return Err("must name a file, not a directory".to_owned());
        }
        Ok((!raw.is_empty()).then(|| raw.into()))
    }

    fn show(&self, value: &Option<PathBuf>) -> String {
        value.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    }

    fn accepts(&self) -> String {
        String::new()
    }
}

/// An IP address to listen on. A name is refused: it may resolve to several addresses, and only one would be
/// listened on.
pub(super) struct Address;

impl Check for Address {
    type Value = IpAddr;

    fn read(&self, raw: &str) -> Result<IpAddr, String> {
        raw.parse().map_err(|_| "must be an IPv4 or IPv6 address, without a port; a name is not".to_owned())
    }

    fn show(&self, value: &IpAddr) -> String {
        value.to_string()
    }

    fn accepts(&self) -> String {
        "An IPv4 or IPv6 address.".to_owned()
    }
}

/// A filter for log lines in the syntax of `tracing`.
pub(super) struct LogFilter;

impl Check for LogFilter {
    type Value = String;

    fn read(&self, raw: &str) -> Result<String, String> {
        // Empty parts mean nothing to `EnvFilter`, but `LevelFilter` reads them as `error`; a space would become a
        // part of the target.
        let parts: Vec<_> = raw.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        // `EnvFilter` takes any other word for a target, and so a misspelt level would silence everything else.
        let is_level = |part: &&str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
        if parts.is_empty() || !parts.iter().all(is_level) {
            return Err(
                "names a level there is not: use off, error, warn, info, debug or trace, or target=level"
                    .to_owned(),
            );
        }
        let filter = parts.join(",");
        match EnvFilter::builder().parse(&filter) {
            Ok(_) => Ok(filter),
            Err(_) => Err("must be a level, or a list of target=level separated by commas".to_owned()),
        }
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn accepts(&self) -> String {
        "`off`, `error`, `warn`, `info`, `debug` or `trace`, or a comma-separated list of `target=level`."
            .to_owned()
    }
}
