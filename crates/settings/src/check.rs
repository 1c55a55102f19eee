//! Checks: how a value is read, shown and described, with one function per kind of setting.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use crate::secret::secret_key;
pub use crate::web::{origin, path_prefix, trusted_proxies};

type Read<T> = Box<dyn Fn(&str) -> Result<T, String>>;
type Show<T> = Box<dyn Fn(&T) -> String>;

/// The rules of one kind of setting.
pub struct Check<T> {
    read: Read<T>,
    show: Show<T>,
    /// What is accepted as a sentence for documents; empty if the documentation of the setting says
    /// it.
    pub accepts: String,
    /// Whether the value is a secret, which `NAME_FILE` may provide.
    pub is_secret: bool,
    /// Whether a refused value may hold a secret, so that no message may repeat it.
    pub(crate) is_hidden: bool,
}

impl<T> Check<T> {
    /// Reads a value, or returns the problem as the predicate of a sentence that repeats nothing of
    /// the value: "must be a number". Shows a value as the variable would spell it, without its
    /// secrets.
    pub fn new(
        read: impl Fn(&str) -> Result<T, String> + 'static,
        show: impl Fn(&T) -> String + 'static,
    ) -> Self {
        let (read, show) = (Box::new(read), Box::new(show));
        Self { read, show, accepts: String::new(), is_secret: false, is_hidden: false }
    }

    /// What is accepted, as a sentence. Without it, the documentation of the setting has to say it.
    #[must_use]
    pub fn accepting(self, accepts: impl Into<String>) -> Self {
        Self { accepts: accepts.into(), ..self }
    }

    /// Values that are no secrets, but a refused one may hold a secret.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self { is_hidden: true, ..self }
    }

    /// Secrets.
    #[must_use]
    pub fn secret(self) -> Self {
        Self { is_secret: true, is_hidden: true, ..self }
    }

    /// The value, or the problem as the predicate of a sentence.
    ///
    /// # Errors
    /// If the value is not accepted. The message repeats nothing of the value.
    pub fn read(&self, raw: &str) -> Result<T, String> {
        (self.read)(raw)
    }

    /// The value as the variable would spell it, without its secrets.
    pub fn show(&self, value: &T) -> String {
        (self.show)(value)
    }
}

/// Values of any type with a parser, whose error is the predicate of a sentence and repeats no
/// secret. `Display` of the type has to mask secrets.
pub fn parsed<T: Display + 'static, E: Display>(parse: impl Fn(&str) -> Result<T, E> + 'static) -> Check<T> {
    Check::new(move |raw| parse(raw).map_err(|error| error.to_string()), T::to_string)
}

/// A setting that is unset when it is empty.
pub fn optional<T: 'static>(check: Check<T>) -> Check<Option<T>> {
    let Check { read, show, accepts, is_secret, is_hidden } = check;
    let read = move |raw: &str| if raw.is_empty() { Ok(None) } else { read(raw).map(Some) };
    let show = move |value: &Option<T>| value.as_ref().map(&show).unwrap_or_default();
    Check { is_secret, is_hidden, ..Check::new(read, show).accepting(accepts) }
}

/// A comma-separated list. Empty entries are ignored.
pub fn list<T: 'static>(check: Check<T>) -> Check<Vec<T>> {
    let Check { read, show, accepts, is_secret, is_hidden } = check;
    let read = move |raw: &str| {
        let entries = raw.split(',').map(str::trim).filter(|entry| !entry.is_empty()).zip(1..);
        // The position instead of the entry, which may be a secret.
        let read = |(entry, position)| read(entry).map_err(|problem| format!("entry {position}: {problem}"));
        entries.map(read).collect()
    };
    let show = move |values: &Vec<T>| values.iter().map(&show).collect::<Vec<_>>().join(",");
    let accepts = match accepts.split_at_checked(1) {
        Some((first, rest)) => format!("Comma-separated, each {}{rest}", first.to_lowercase()),
        None => accepts,
    };
    Check { is_secret, is_hidden, ..Check::new(read, show).accepting(accepts) }
}

/// One of these names, in upper or lower case, for one of these values.
pub fn choice<T: Copy + PartialEq>(choices: &'static [(&'static str, T)]) -> Check<T> {
    let names = |separator| choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(separator);
    let (problem, accepts) = match choices {
        [(only, _)] => (format!("must be {only}, the only value there is"), format!("Only `{only}`.")),
        _ => (format!("must be one of {}", names(", ")), format!("One of `{}`.", names("`, `"))),
    };
    let read = move |raw: &str| {
        let chosen = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(raw));
        chosen.map(|(_, value)| *value).ok_or_else(|| problem.clone())
    };
    let show = |value: &T| {
        let chosen = choices.iter().find(|(_, choice)| choice == value);
        chosen.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    };
    Check::new(read, show).accepting(accepts)
}

/// A line of text of at most `max` characters.
pub fn line(max: usize) -> Check<String> {
    let read = move |raw: &str| {
        if raw.chars().count() > max || raw.chars().any(char::is_control) {
            return Err(format!("must be at most {max} characters on one line"));
        }
        Ok(raw.to_owned())
    };
    parsed(read).accepting(format!("At most {max} characters."))
}

/// On or off.
pub fn flag() -> Check<bool> {
    parsed(|raw| match raw.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false"),
    })
    .accepting("`true` or `false`.")
}

/// A whole number in this range, both ends included.
pub fn number<T: FromStr + PartialOrd + Display + 'static>(min: T, max: T) -> Check<T> {
    let accepts = format!("From {min} to {max}.");
    let read = move |raw: &str| {
        let number = raw.parse().ok().filter(|number| (&min..=&max).contains(&number));
        number.ok_or_else(|| format!("must be a whole number from {min} to {max}"))
    };
    parsed(read).accepting(accepts)
}

/// A fraction from 0 to 1.
pub fn ratio() -> Check<f64> {
    parsed(|raw| {
        let ratio = raw.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.ok_or("must be a number from 0 to 1, such as 0.1")
    })
    .accepting("From 0 to 1.")
}

/// From `min` to `max` whole milliseconds.
pub fn milliseconds(min: u64, max: u64) -> Check<Duration> {
    time("milliseconds", 1, min, max)
}

/// From `min` to `max` whole seconds.
pub fn seconds(min: u64, max: u64) -> Check<Duration> {
    time("seconds", 1_000, min, max)
}

/// From `min` to `max` whole minutes.
pub fn minutes(min: u64, max: u64) -> Check<Duration> {
    time("minutes", 60_000, min, max)
}

/// From `min` to `max` whole days.
pub fn days(min: u64, max: u64) -> Check<Duration> {
    time("days", 24 * 60 * 60 * 1_000, min, max)
}

fn time(unit: &'static str, millis_per_unit: u64, min: u64, max: u64) -> Check<Duration> {
    let units = number(min, max);
    let read = move |raw: &str| match units.read(raw) {
        Ok(units) => Ok(Duration::from_millis(units.saturating_mul(millis_per_unit))),
        Err(problem) => Err(format!("{problem}, in {unit} without the unit")),
    };
    let show = move |value: &Duration| (value.as_millis() / u128::from(millis_per_unit)).to_string();
    Check::new(read, show).accepting(format!("In {unit}, from {min} to {max}."))
}

/// The path of a file, which need not exist.
pub fn file_path() -> Check<PathBuf> {
    let read = |raw: &str| {
        if raw.ends_with('/') { Err("must name a file, not a directory".to_owned()) } else { Ok(raw.into()) }
    };
    Check::new(read, |path: &PathBuf| path.display().to_string())
}

/// An IP address to listen on. A name is refused because it may resolve to several addresses, of
/// which only one would be listened on.
pub fn address() -> Check<IpAddr> {
    parsed(|raw| raw.parse().map_err(|_| "must be an IPv4 or IPv6 address, without a port; a name is not"))
        .accepting("An IPv4 or IPv6 address.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_unset_and_any_other_is_checked() {
        let port = optional(number(0_u16, 65_535));
        assert_eq!((port.read(""), port.read("9090")), (Ok(None), Ok(Some(9090))));
        assert!(port.read("x").is_err());
        assert_eq!((port.show(&None), port.show(&Some(1))), (String::new(), "1".to_owned()));
    }

    #[test]
    fn a_ratio_is_from_none_to_all() {
        assert_eq!(
            (ratio().read("0"), ratio().read("0.25"), ratio().read("1")),
            (Ok(0.0), Ok(0.25), Ok(1.0))
        );
        for bad in ["-0.1", "1.1", "NaN", "inf", "10%", ""] {
            assert!(ratio().read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_names_the_entry_that_is_wrong_by_its_position() {
        let ports = list(number(1_u16, 9));
        assert_eq!((ports.read(""), ports.read(" 1 ,,2, ")), (Ok(vec![]), Ok(vec![1, 2])));
        assert_eq!(ports.show(&vec![1, 2]), "1,2");
        assert_eq!(ports.read("1,10"), Err("entry 2: must be a whole number from 1 to 9".to_owned()));
        assert_eq!(ports.accepts, "Comma-separated, each from 1 to 9.");
    }

    #[test]
    fn a_choice_is_read_in_any_case_and_shown_as_it_is_listed() {
        let two = choice(&[("on", 1), ("Off", 0)]);
        assert_eq!((two.read("ON"), two.read("off"), two.show(&0)), (Ok(1), Ok(0), "Off".to_owned()));
        assert_eq!(two.read("no"), Err("must be one of on, Off".to_owned()));
        assert_eq!(two.accepts, "One of `on`, `Off`.");
        let one = choice(&[("HS256", ())]);
        assert_eq!(one.read("none"), Err("must be HS256, the only value there is".to_owned()));
        assert_eq!(one.accepts, "Only `HS256`.");
    }
}
