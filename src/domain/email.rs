//! Normalized email addresses.

use std::fmt;

use idna::AsciiDenyList;
use unicode_normalization::UnicodeNormalization;

use super::text::{Invalid, is_ignorable};

/// RFC 5321, 4.5.3.1.3: a path is at most 256 octets, two of them its brackets.
const MAX_BYTES: usize = 254;
/// RFC 5321, 4.5.3.1.1.
const MAX_LOCAL_BYTES: usize = 64;

/// A normalized address: NFKC, lower case, with the domain in ASCII (Punycode).
///
/// Spellings of one mailbox that differ in case, surrounding spaces, character width or Punycode
/// become the same value. Look-alike letters of another script do not: they are another mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Parses the address of a new user.
    ///
    /// # Errors
    /// If it is not `local@domain` with a dotted domain within the lengths of RFC 5321. Quoted
    /// local parts, comments, address literals, invisible characters and domains that a URL parser
    /// reads as an IPv4 address (WHATWG URL, "ends in a number") are refused.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let email = Self::parse_known(text)?;
        let (local, domain) = email.0.rsplit_once('@').ok_or(NO_AT)?;
        if local.chars().any(is_ignorable) {
            return Err(Invalid("must not contain invisible characters before the @"));
        }
        let top = domain.rsplit('.').next().unwrap_or_default();
        // RFC 1123, 2.1: the top-level label is alphabetic; in Punycode it starts with x.
        if top.starts_with(|c: char| c.is_ascii_alphabetic()) { Ok(email) } else { Err(NO_DOMAIN) }
    }

    /// Parses the address of an existing user, for login and search. It may be from before
    /// invisible characters and domains such as `0x7f.0x1` were refused.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), except for those two.
    pub fn parse_known(text: &str) -> Result<Self, Invalid> {
        if text.len() > 4 * MAX_BYTES {
            return Err(Invalid("must be at most 254 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid("must not contain control characters"));
        }
        let folded = fold(text);
        let (local, domain) = folded.trim().rsplit_once('@').ok_or(NO_AT)?;
        check_local(local)?;
        let domain = ascii_domain(domain)?;
        let address = format!("{local}@{domain}");
        if address.len() > MAX_BYTES {
            return Err(Invalid("must be at most 254 bytes"));
        }
        Ok(Self(address))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const NO_AT: Invalid = Invalid("must contain an @");
const NO_DOMAIN: Invalid = Invalid("must end with a domain such as example.com");

/// Lower-casing can produce a form that is not NFKC, so NFKC is applied before and after.
pub(super) fn fold(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

const LOCAL_LENGTH: Invalid = Invalid("must have 1 to 64 bytes before the @");
const LOCAL_DOTS: Invalid =
    Invalid("must not start or end with a dot, or contain two in a row, before the @");

pub(super) fn check_local(local: &str) -> Result<(), Invalid> {
    if local.is_empty() {
        return Err(LOCAL_LENGTH);
    }
    if local.ends_with('.') {
        return Err(LOCAL_DOTS);
    }
    check_local_prefix(local)
}

/// The rules of a local part that also apply to its prefixes.
pub(super) fn check_local_prefix(local: &str) -> Result<(), Invalid> {
    const PUNCTUATION: &str = "!#$%&'*+/=?^_`{|}~-.";
    if local.len() > MAX_LOCAL_BYTES {
        return Err(LOCAL_LENGTH);
    }
    if local.starts_with('.') || local.contains("..") {
        return Err(LOCAL_DOTS);
    }
    if local.chars().all(|c| c.is_alphanumeric() || PUNCTUATION.contains(c)) {
        Ok(())
    } else {
        Err(Invalid("contains a character that is not allowed before the @"))
    }
}

/// The ASCII (Punycode) form of domain labels.
pub(super) fn ascii_labels(labels: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_cow(labels.as_bytes(), AsciiDenyList::STD3);
    ascii.ok().map(std::borrow::Cow::into_owned)
}

fn ascii_domain(domain: &str) -> Result<String, Invalid> {
    let ascii = ascii_labels(domain).ok_or(NO_DOMAIN)?;
    let labels: Vec<&str> = ascii.split('.').collect();
    let sound = |label: &&str| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    let numeric = |label: &&str| label.bytes().all(|b| b.is_ascii_digit());
    if labels.len() >= 2 && labels.iter().all(sound) && !labels.last().is_some_and(numeric) {
        Ok(ascii)
    } else {
        Err(NO_DOMAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_mailbox_is_one_address() {
        for spelling in
            ["a@x.com", "A@X.com", "  a@x.com  ", "ａ@ｘ.com", "a＠x．com", "Ａ@x.COM", "a@x。com"]
        {
            assert_eq!(Email::parse(spelling).unwrap().as_str(), "a@x.com", "{spelling}");
        }
        assert_eq!(
            Email::parse("a@Bücher.example").unwrap(),
            Email::parse("a@xn--bcher-kva.example").unwrap()
        );
    }

    #[test]
    fn a_look_alike_of_another_script_is_another_address() {
        assert_ne!(Email::parse("а@x.com").unwrap(), Email::parse("a@x.com").unwrap());
        assert_ne!(Email::parse("a@ех.com").unwrap(), Email::parse("a@ex.com").unwrap());
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let long = format!("{}@x.com", "a".repeat(65));
        let longer = format!("a@{}.com", "x.".repeat(200));
        let huge = "a".repeat(10_240);
        for text in [
            "",
            "a",
            "@x.com",
            "a@",
            "a@x",
            "a@x.",
            "a@.com",
            "a b@x.com",
            "a@x com",
            "a@b@x.com",
            "Ada <a@x.com>",
            "a@x.com\r\nBcc: b@x.com",
            "a\0@x.com",
            "\"a b\"@x.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            ".a@x.com",
            "a..b@x.com",
            "a@-x.com",
            "a@x-.com",
            "a\u{200b}@x.com",
            &long,
            &longer,
            &huge,
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_is_a_number_is_no_new_address_and_still_one_that_is_known() {
        for text in [
            "a\u{3164}@x.com",
            "a\u{ffa0}b@x.com",
            "\u{115f}a@x.com",
            "a\u{1160}@x.com",
            "a@0x7f.0x1",
            "a@1.2.3.4a",
            "a@x.0x",
            "a@x.1",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        for text in ["a\u{3164}@x.com", "a@0x7f.0x1", "a@1.2.3.4a"] {
            assert!(Email::parse_known(text).is_ok(), "{text:?}");
        }
        for text in ["a\u{fe0f}@x.com", "a\u{200d}@x.com", "a\u{180e}@x.com", "a@127.0.0.1"] {
            assert!(Email::parse_known(text).is_err(), "{text:?}");
        }
        for text in ["a@x.xn--p1ai", "a@1.2.3.4.com", "김@x.com", "a@4a.de"] {
            assert!(Email::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn parsing_is_idempotent() {
        for text in ["ﬁ@x.com", "ẞ@x.com", "a+tag@x.com", "o'neil@x.co.uk"] {
            let once = Email::parse(text).unwrap();
            assert_eq!(Email::parse(once.as_str()).unwrap(), once, "{text}");
        }
    }
}
