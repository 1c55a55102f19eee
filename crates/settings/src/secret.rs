//! Keys that sign, and which of them can be guessed.

use std::collections::HashSet;

use secrecy::{ExposeSecret, SecretString};

use crate::MASK;
use crate::check::Check;

/// The shortest key for HS256 in bytes: as long as the hash (RFC 7518, section 3.2).
pub const MIN_KEY_BYTES: usize = 32;
/// A random key of 32 hexadecimal digits has fewer different ones once in thirty million.
const MIN_DISTINCT_BYTES: usize = 8;
/// What tutorials and templates write in place of a key, in lower case and without punctuation.
const PLACEHOLDERS: [&str; 14] = [
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "placeholder",
    "yoursecret",
    "yourjwtsecret",
    "secretkeyhere",
    "supersecret",
    "defaultsecret",
    "insecure",
    "notsecret",
    "example",
    "abcdefghijkl",
];

/// A key that signs, of at least [`MIN_KEY_BYTES`]. `former` is the variable that lists former
/// keys: a key with a comma could not be moved there.
pub fn secret_key(former: &'static str) -> Check<SecretString> {
    let read = move |raw: &str| {
        if raw.len() < MIN_KEY_BYTES {
            return Err(format!(
                "must be at least {MIN_KEY_BYTES} bytes, or the tokens it signs can be forged"
            ));
        }
        if raw.contains(',') {
            return Err(format!(
                "must not contain a comma: {former}, where it ends up, separates keys by it"
            ));
        }
        Ok(raw.into())
    };
    let accepts = format!("At least {MIN_KEY_BYTES} bytes, no comma.");
    Check::new(read, |_| MASK.to_owned()).accepting(accepts).secret()
}

/// Why a key can be guessed, as the predicate of a sentence; `None` for a key that looks random.
pub fn guessable(key: &SecretString) -> Option<&'static str> {
    let key = key.expose_secret();
    let letters: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if PLACEHOLDERS.iter().any(|placeholder| letters.contains(placeholder)) {
        return Some("is a well-known placeholder");
    }
    let bytes = key.as_bytes();
    if bytes.iter().collect::<HashSet<_>>().len() < MIN_DISTINCT_BYTES {
        return Some("consists of a few bytes only");
    }
    let repeats = |period: usize| bytes[period..].iter().zip(bytes).all(|(later, earlier)| later == earlier);
    if (1..=bytes.len() / 2).any(repeats) {
        return Some("repeats a shorter text");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_key_is_not_guessable() {
        for key in [
            "uGfBZ2q4TOMk0SDqZ9bAjx3v6PsX1yQwLrE8nCtHiJo=",
            "9f86d081884c7d659a2feaa0c55ad015",
            "a3b1f0c4d2e596877869a5b4c3d2e1f0a3b1f0c4d2e59687",
            "correct horse battery staple, and some more of it",
        ] {
            assert_eq!(guessable(&key.into()), None, "{key}");
        }
    }

    #[test]
    fn a_placeholder_or_a_pattern_is_guessable() {
        for (key, why) in [
            ("change-me-to-the-output-of-openssl-rand-base64-48", "placeholder"),
            ("CHANGE_ME_CHANGE_ME_CHANGE_ME_PLEASE", "placeholder"),
            ("your-secret-key-here-make-it-long-enough", "placeholder"),
            ("abcdefghijklmnopqrstuvwxyz0123456789", "placeholder"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "few bytes"),
            ("123412341234123412341234123412341234", "few bytes"),
            ("12345678901234567890123456789012", "repeats"),
            ("0123456789abcdef0123456789abcdef", "repeats"),
        ] {
            assert!(guessable(&key.into()).is_some_and(|found| found.contains(why)), "{key}");
        }
    }
}
