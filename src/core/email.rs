//! Email addresses, in the one form in which they are stored, compared and unique.

use std::fmt;

use idna::AsciiDenyList;
use unicode_normalization::UnicodeNormalization;

use super::text::Invalid;

/// RFC 5321, 4.5.3.1.3: a path is at most 256 octets, two of them its brackets.
const MAX_BYTES: usize = 254;
/// RFC 5321, 4.5.3.1.1.
const MAX_LOCAL_BYTES: usize = 64;

/// A normalised address: NFKC, lower case, the domain in its ASCII (Punycode) form.
///
/// Two spellings of one mailbox (case, surrounding spaces, full-width letters, a domain in Unicode or in
/// Punycode) become the same value. Look-alike letters of another script do not: they are another mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Reads an address as a person types it.
    ///
    /// # Errors
    /// When it is not `local@domain` with a dotted domain within the lengths of RFC 5321. Quoted local parts,
    /// comments and address literals are refused: nobody signs up with one.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > 4 * MAX_BYTES {
            return Err(Invalid("must be at most 254 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid("must not contain control characters"));
        }
        let folded = fold(text);
        let (local, domain) = folded.trim().rsplit_once('@').ok_or(Invalid("must contain an @"))?;
        check_local(local)?;
        let domain = ascii_domain(domain)?;
        let address = format!("{local}@{domain}");
        if address.len() > MAX_BYTES {
            return Err(Invalid("must be at most 254 bytes"));
        }
        Ok(Self(address))
    }

    /// Normalises the beginning of an address for a search; it need not be a whole address.
    pub fn normalise_prefix(text: &str) -> String {
        fold(text).trim_start().to_owned()
    }

    /// The normalised address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lower-casing can leave a form that NFKC composes again, so it is normalised on both sides.
fn fold(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

fn check_local(local: &str) -> Result<(), Invalid> {
    const PUNCTUATION: &str = "!#$%&'*+/=?^_`{|}~-.";
    if local.is_empty() || local.len() > MAX_LOCAL_BYTES {
        return Err(Invalid("must have 1 to 64 bytes before the @"));
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(Invalid("must not have a dot at the ends, or two in a row, before the @"));
    }
    if local.chars().all(|c| c.is_alphanumeric() || PUNCTUATION.contains(c)) {
        Ok(())
    } else {
        Err(Invalid("has a character before the @ that an address cannot have"))
    }
}

fn ascii_domain(domain: &str) -> Result<String, Invalid> {
    const REASON: Invalid = Invalid("must end in a domain such as example.com");
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::STD3).map_err(|_| REASON)?;
    let labels: Vec<&str> = ascii.split('.').collect();
    let sound = |label: &&str| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    let numeric = |label: &&str| label.bytes().all(|b| b.is_ascii_digit());
    if labels.len() >= 2 && labels.iter().all(sound) && !labels.last().is_some_and(numeric) {
        Ok(ascii.into_owned())
    } else {
        Err(REASON)
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
    fn parsing_is_idempotent() {
        for text in ["ﬁ@x.com", "ẞ@x.com", "a+tag@x.com", "o'neil@x.co.uk"] {
            let once = Email::parse(text).unwrap();
            assert_eq!(Email::parse(once.as_str()).unwrap(), once, "{text}");
        }
    }
}
