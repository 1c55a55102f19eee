#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

/// Replaces a secret. Its length says nothing about the secret's.
const MASK: &str = "********";
/// The longest option name that is repeated in an error: a longer one is no name and may be a
/// secret.
const NAME_LIMIT: usize = 32;

/// Why a URL cannot be used, as the predicate of a sentence whose subject is the URL: "names no
/// host". Repeats nothing of the URL except the names of its options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct UrlError {
    problem: Cow<'static, str>,
    unknown_option: Option<String>,
}

impl UrlError {
    /// An error with this predicate, which must not repeat a secret.
    pub fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self { problem: problem.into(), unknown_option: None }
    }

    /// An unknown option, and what to write instead: empty, or a text that starts with a colon.
    pub fn unknown(option: String, hint: &str) -> Self {
        let problem = format!("has an unknown option `{option}`{hint}").into();
        Self { problem, unknown_option: Some(option) }
    }

    /// The name of the option, if the error is that an option is unknown: an application can then
    /// say which of its settings has that purpose.
    pub fn unknown_option(&self) -> Option<&str> {
        self.unknown_option.as_deref()
    }
}

/// A URL whose password shows as `********` in `Debug` and `Display`, in the user information as
/// well as in the options `password` and `pass`.
#[derive(Clone)]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// The whole URL, for the driver that connects to it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The components of the URL, which include the password.
    pub fn parts(&self) -> Parts<'_> {
        Parts::split(self.expose())
    }
}

impl FromStr for SecretUrl {
    type Err = UrlError;

    fn from_str(raw: &str) -> Result<Self, UrlError> {
        let (_, rest) = raw.split_once("://").ok_or(UrlError::new("must start with scheme://"))?;
        let (authority, tail) = split_authority(rest);
        // Drivers disagree on where a password with these characters ends, so half of it could be
        // shown.
        if tail.contains(['@', '#']) || authority.matches('@').count() > 1 {
            return Err(UrlError::new(
                "must percent-encode @ / ? # in a user name or password (%40 %2F %3F %23)",
            ));
        }
        if raw.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(UrlError::new("must not contain white space"));
        }
        Ok(Self(raw.into()))
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { scheme, user, host, path, query } = self.parts();
        write!(f, "{scheme}://")?;
        match user {
            Some((name, Some(_))) => write!(f, "{name}:{MASK}@")?,
            Some((name, None)) => write!(f, "{name}@")?,
            None => {}
        }
        write!(f, "{host}{path}")?;
        let options = query.split('&').map(masked).collect::<Vec<_>>().join("&");
        if options.is_empty() { Ok(()) } else { write!(f, "?{options}") }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

/// The option without its value if that may be a password. Drivers decode names, so a name with a
/// `%` may be any name.
fn masked(option: &str) -> String {
    match option.split_once('=') {
        Some((name, _))
            if name.contains('%') || ["password", "pass"].contains(&&*name.to_ascii_lowercase()) =>
        {
            format!("{name}={MASK}")
        }
        _ => option.to_owned(),
    }
}

fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// The components of a [`SecretUrl`], percent-encoded as they were.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// What is before `://`.
    pub scheme: &'a str,
    /// The user name, and the password if there is one.
    pub user: Option<(&'a str, Option<&'a str>)>,
    /// The host with its port, or a comma-separated list of them.
    pub host: &'a str,
    /// Empty, or starts with a slash.
    pub path: &'a str,
    /// What is after `?`; empty without one.
    pub query: &'a str,
}

impl<'a> Parts<'a> {
    fn split(raw: &'a str) -> Self {
        let (scheme, rest) = raw.split_once("://").unwrap_or(("", raw));
        let (authority, tail) = split_authority(rest);
        let (user, host) = match authority.split_once('@') {
            Some((user, host)) => match user.split_once(':') {
                Some((name, password)) => (Some((name, Some(password))), host),
                None => (Some((user, None)), host),
            },
            None => (None, authority),
        };
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        Self { scheme, user, host, path, query }
    }

    /// The options of the query, each `name=value` as it was written.
    pub fn options(&self) -> impl Iterator<Item = &'a str> {
        self.query.split('&').filter(|option| !option.is_empty())
    }
}

/// The decoded name of an option.
///
/// # Errors
/// An option without `=`, or with a name that is not up to 32 ASCII letters and `_` and may be a secret.
pub fn option_name(option: &str) -> Result<String, UrlError> {
    let (name, _) = option.split_once('=').ok_or(UrlError::new("has an option that is not name=value"))?;
    let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if name.is_empty() || name.len() > NAME_LIMIT || !is_name {
        return Err(UrlError::new("has an unknown option whose name is not one: letters and _"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_to_show_a_url_shows_its_password() {
        for (raw, shown) in [
            ("a://u:hunter2:x@[::1]:5432/d", "a://u:********@[::1]:5432/d"),
            ("a://u:@h", "a://u:********@h"),
            ("a://u@h?Password=hunter2&x=1", "a://u@h?Password=********&x=1"),
            ("a://u@h/d?p%61ss=hunter2", "a://u@h/d?p%61ss=********"),
            ("a://h1,h2:1", "a://h1,h2:1"),
        ] {
            let url: SecretUrl = raw.parse().unwrap();
            assert_eq!(
                (url.to_string(), format!("{url:?}")),
                (shown.to_owned(), format!("SecretUrl({shown})"))
            );
            assert_eq!(url.expose(), raw);
        }
    }

    #[test]
    fn a_url_that_could_be_taken_apart_in_two_ways_is_refused_without_repeating_it() {
        for (raw, problem) in [
            ("hunter2", "scheme://"),
            ("a://u:hun/ter2@h", "percent-encode"),
            ("a://u:hun?ter2@h", "percent-encode"),
            ("a://u:hun#ter2@h", "percent-encode"),
            ("a://u:hun@ter2@h", "percent-encode"),
            ("a://u:hunter2@h#x", "percent-encode"),
            ("a://u:hunter2 x@h", "white space"),
        ] {
            let error = raw.parse::<SecretUrl>().unwrap_err().to_string();
            assert!(error.contains(problem) && !error.contains("ter2"), "{raw}: {error}");
        }
    }

    #[test]
    fn only_what_is_a_name_is_repeated() {
        assert_eq!(option_name("ssl%6Dode=x").unwrap(), "sslmode");
        let long = format!("{}=x", "h".repeat(33));
        for option in ["hunter", "hunter2=x", "=x", &long] {
            let error = option_name(option).unwrap_err().to_string();
            assert!(!error.contains("hunter") && !error.contains("hhh"), "{option}: {error}");
        }
        let error = UrlError::unknown("ssl".to_owned(), ": write sslmode");
        assert_eq!(error.to_string(), "has an unknown option `ssl`: write sslmode");
        assert_eq!(error.unknown_option(), Some("ssl"));
    }
}
