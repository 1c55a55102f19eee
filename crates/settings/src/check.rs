//! Checks: how a value is read, shown and described, with one type per kind of setting.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use crate::secret::SecretKey;
pub use crate::web::{ORIGIN, PathPrefix, TrustedProxies};

/// The rules of one kind of setting.
pub trait Check {
    /// What a value is read into.
    type Value;

    /// The value, or the problem as the predicate of a sentence: "must be a number".
    ///
    /// # Errors
    /// If the value is not accepted. The message repeats nothing of the value.
    fn read(&self, raw: &str) -> Result<Self::Value, String>;

    /// The value as the variable would spell it, without its secrets.
    fn show(&self, value: &Self::Value) -> String;

    /// What is accepted as a sentence for documents; empty if the documentation of the setting says
    /// it.
    fn accepts(&self) -> String;

    /// Whether the value is a secret, which `NAME_FILE` may provide.
    fn is_secret(&self) -> bool {
        false
    }

    /// Whether a refused value may hold a secret, so that no message may repeat it.
    fn is_hidden(&self) -> bool {
        self.is_secret()
    }
}

/// Values of any type with a parser, whose error is the predicate of a sentence and repeats no
/// secret.
pub struct Parsed<T, E> {
    parse: fn(&str) -> Result<T, E>,
    accepts: &'static str,
    is_secret: bool,
    is_hidden: bool,
}

impl<T, E> Parsed<T, E> {
    /// Values that are no secrets.
    pub const fn public(parse: fn(&str) -> Result<T, E>) -> Self {
        Self { parse, accepts: "", is_secret: false, is_hidden: false }
    }

    /// Values that are no secrets, but a refused one may hold a secret.
    pub const fn hidden(parse: fn(&str) -> Result<T, E>) -> Self {
        Self { is_hidden: true, ..Self::public(parse) }
    }

    /// Secrets. The `Display` of the type has to mask them.
    pub const fn secret(parse: fn(&str) -> Result<T, E>) -> Self {
        Self { is_secret: true, ..Self::hidden(parse) }
    }

    /// What the parser accepts, as a sentence. Without it, the documentation of the setting has to
    /// say it.
    #[must_use]
    pub const fn accepting(self, accepts: &'static str) -> Self {
        Self { accepts, ..self }
    }
}

impl<T: Display, E: Display> Check for Parsed<T, E> {
    type Value = T;

    fn read(&self, raw: &str) -> Result<T, String> {
        (self.parse)(raw).map_err(|error| error.to_string())
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }

    fn accepts(&self) -> String {
        self.accepts.to_owned()
    }

    fn is_secret(&self) -> bool {
        self.is_secret
    }

    fn is_hidden(&self) -> bool {
        self.is_hidden
    }
}

/// A setting that is unset when it is empty.
pub struct Optional<C>(pub C);

impl<C: Check> Check for Optional<C> {
    type Value = Option<C::Value>;

    fn read(&self, raw: &str) -> Result<Option<C::Value>, String> {
        if raw.is_empty() { Ok(None) } else { self.0.read(raw).map(Some) }
    }

    fn show(&self, value: &Option<C::Value>) -> String {
        value.as_ref().map(|value| self.0.show(value)).unwrap_or_default()
    }

    fn accepts(&self) -> String {
        self.0.accepts()
    }

    fn is_secret(&self) -> bool {
        self.0.is_secret()
    }

    fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }
}

/// A comma-separated list. Empty entries are ignored.
pub struct List<C>(pub C);

impl<C: Check> Check for List<C> {
    type Value = Vec<C::Value>;

    fn read(&self, raw: &str) -> Result<Vec<C::Value>, String> {
        raw.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .enumerate()
            // The position instead of the entry, which may be a secret.
            .map(|(index, entry)| {
                self.0.read(entry).map_err(|problem| format!("entry {}: {problem}", index + 1))
            })
            .collect()
    }

    fn show(&self, values: &Vec<C::Value>) -> String {
        values.iter().map(|value| self.0.show(value)).collect::<Vec<_>>().join(",")
    }

    fn accepts(&self) -> String {
        match self.0.accepts() {
            each if each.is_empty() => each,
            each => format!("Comma-separated, each {}{}", each[..1].to_lowercase(), &each[1..]),
        }
    }

    fn is_secret(&self) -> bool {
        self.0.is_secret()
    }

    fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }
}

/// One of these names, in upper or lower case, for one of these values.
pub struct Choice<T: 'static>(pub &'static [(&'static str, T)]);

impl<T> Choice<T> {
    fn names(&self, separator: &str) -> String {
        self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(separator)
    }
}

impl<T: Copy + PartialEq> Check for Choice<T> {
    type Value = T;

    fn read(&self, raw: &str) -> Result<T, String> {
        let chosen = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(raw));
        chosen.map(|(_, value)| *value).ok_or_else(|| match self.0 {
            [(only, _)] => format!("must be {only}, the only value there is"),
            _ => format!("must be one of {}", self.names(", ")),
        })
    }

    fn show(&self, value: &T) -> String {
        let chosen = self.0.iter().find(|(_, choice)| choice == value);
        chosen.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    }

    fn accepts(&self) -> String {
        match self.0 {
            [(only, _)] => format!("Only `{only}`."),
            _ => format!("One of `{}`.", self.names("`, `")),
        }
    }
}

/// A line of text of at most this many characters.
pub struct Line(pub usize);

impl Check for Line {
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

/// On or off.
pub const FLAG: Parsed<bool, &str> = Parsed::public(flag).accepting("`true` or `false`.");

fn flag(raw: &str) -> Result<bool, &'static str> {
    match raw.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// A whole number in this range, both ends included.
pub struct Number<T>(pub T, pub T);

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

/// A fraction from 0 to 1.
pub const RATIO: Parsed<f64, &str> = Parsed::public(ratio).accepting("From 0 to 1.");

fn ratio(raw: &str) -> Result<f64, &'static str> {
    let ratio = raw.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or("must be a number from 0 to 1, such as 0.1")
}

/// A span of time in whole units, both ends of the range included.
pub struct Time {
    unit: &'static str,
    millis_per_unit: u64,
    units: Number<u64>,
}

impl Time {
    /// From `min` to `max` milliseconds.
    pub const fn milliseconds(min: u64, max: u64) -> Self {
        Self { unit: "milliseconds", millis_per_unit: 1, units: Number(min, max) }
    }

    /// From `min` to `max` seconds.
    pub const fn seconds(min: u64, max: u64) -> Self {
        Self { unit: "seconds", millis_per_unit: 1_000, units: Number(min, max) }
    }

    /// From `min` to `max` minutes.
    pub const fn minutes(min: u64, max: u64) -> Self {
        Self { unit: "minutes", millis_per_unit: 60_000, units: Number(min, max) }
    }

    /// From `min` to `max` days.
    pub const fn days(min: u64, max: u64) -> Self {
        Self { unit: "days", millis_per_unit: 24 * 60 * 60 * 1_000, units: Number(min, max) }
    }
}

impl Check for Time {
    type Value = Duration;

    fn read(&self, raw: &str) -> Result<Duration, String> {
        self.units
            .read(raw)
            .map(|units| Duration::from_millis(units.saturating_mul(self.millis_per_unit)))
            .map_err(|problem| format!("{problem}, in {} without the unit", self.unit))
    }

    fn show(&self, value: &Duration) -> String {
        (value.as_millis() / u128::from(self.millis_per_unit)).to_string()
    }

    fn accepts(&self) -> String {
        format!("In {}, from {} to {}.", self.unit, self.units.0, self.units.1)
    }
}

/// The path of a file, which need not exist.
pub struct FilePath;

impl Check for FilePath {
    type Value = PathBuf;

    fn read(&self, raw: &str) -> Result<PathBuf, String> {
        if raw.ends_with('/') {
            return Err("must name a file, not a directory".to_owned());
        }
        Ok(raw.into())
    }

    fn show(&self, value: &PathBuf) -> String {
        value.display().to_string()
    }

    fn accepts(&self) -> String {
        String::new()
    }
}

/// An IP address to listen on. A name is refused because it may resolve to several addresses, of
/// which only one would be listened on.
pub const ADDRESS: Parsed<IpAddr, &str> = Parsed::public(address).accepting("An IPv4 or IPv6 address.");

fn address(raw: &str) -> Result<IpAddr, &'static str> {
    raw.parse().map_err(|_| "must be an IPv4 or IPv6 address, without a port; a name is not")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_unset_and_any_other_is_checked() {
        let port = Optional(Number(0_u16, 65_535));
        assert_eq!((port.read(""), port.read("9090")), (Ok(None), Ok(Some(9090))));
        assert!(port.read("x").is_err());
        assert_eq!((port.show(&None), port.show(&Some(1))), (String::new(), "1".to_owned()));
    }

    #[test]
    fn a_ratio_is_from_none_to_all() {
        assert_eq!((RATIO.read("0"), RATIO.read("0.25"), RATIO.read("1")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for bad in ["-0.1", "1.1", "NaN", "inf", "10%", ""] {
            assert!(RATIO.read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_names_the_entry_that_is_wrong_by_its_position() {
        let ports = List(Number(1_u16, 9));
        assert_eq!((ports.read(""), ports.read(" 1 ,,2, ")), (Ok(vec![]), Ok(vec![1, 2])));
        assert_eq!(ports.show(&vec![1, 2]), "1,2");
        assert_eq!(ports.read("1,10"), Err("entry 2: must be a whole number from 1 to 9".to_owned()));
        assert_eq!(ports.accepts(), "Comma-separated, each from 1 to 9.");
    }

    #[test]
    fn a_choice_is_read_in_any_case_and_shown_as_it_is_listed() {
        let two = Choice(&[("on", 1), ("Off", 0)]);
        assert_eq!((two.read("ON"), two.read("off"), two.show(&0)), (Ok(1), Ok(0), "Off".to_owned()));
        assert_eq!(two.read("no"), Err("must be one of on, Off".to_owned()));
        assert_eq!(two.accepts(), "One of `on`, `Off`.");
        let one = Choice(&[("HS256", ())]);
        assert_eq!(one.read("none"), Err("must be HS256, the only value there is".to_owned()));
        assert_eq!(one.accepts(), "Only `HS256`.");
    }
}
