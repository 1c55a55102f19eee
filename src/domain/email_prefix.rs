//! Prefixes of email addresses, for searching users.

use super::email::{ascii_labels, check_local, check_local_prefix, fold};
use super::text::Invalid;

/// A prefix of a normalized address, whose domain is in ASCII. An incomplete label is compared in
/// that form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailPrefix(String);

impl EmailPrefix {
    /// Parses a prefix in any case and width, with a domain in Unicode or in Punycode.
    ///
    /// # Errors
    /// If no address starts with it, or its stored form depends on what follows: Punycode encodes a
    /// label as a whole, so a label that is not ASCII must be complete, that is, followed by a dot;
    /// and a final capital sigma has two lower-case forms.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().any(char::is_control) {
            return Err(Invalid("must not contain control characters"));
        }
        let folded = fold(text);
        if folded.is_empty() {
            return Err(Invalid("must not be empty"));
        }
        if folded.contains(char::is_whitespace) {
            return Err(Invalid("must not contain a space: encode a plus sign as %2B"));
        }
        if ends_in_sigma(text) {
            return Err(Invalid("must not end with a capital sigma: use the intended lower-case form"));
        }
        let Some((local, domain)) = folded.split_once('@') else {
            return check_local_prefix(&folded).map(|()| Self(folded));
        };
        check_local(local)?;
        Ok(Self(format!("{local}@{}", domain_prefix(domain)?)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The lower-case form of a sigma depends on whether a letter follows it, past characters that
/// casing ignores (Unicode, 3.13, `Final_Sigma`).
fn ends_in_sigma(text: &str) -> bool {
    use unicode_normalization::UnicodeNormalization;
    let text: String = text.nfkc().collect();
    text.trim_end_matches(['.', '\'', '^', '`']).ends_with('Σ')
}

/// The ASCII form of a prefix of a domain. All labels but the last are complete.
fn domain_prefix(domain: &str) -> Result<String, Invalid> {
    const REASON: Invalid = Invalid("must continue with a prefix of a domain after the @");
    let domain = domain.replace('。', ".");
    let (complete, last) = match domain.rsplit_once('.') {
        Some((complete, last)) => (Some(complete), last),
        None => (None, domain.as_str()),
    };
    if !last.is_ascii() {
        return Err(Invalid(
            "must end with ASCII or with a complete label and a dot: write the last label of the domain in its xn-- form",
        ));
    }
    let sound = |label: &str| {
        label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !label.starts_with('-')
    };
    let Some(complete) = complete else {
        return if sound(last) { Ok(last.to_owned()) } else { Err(REASON) };
    };
    let ascii = ascii_labels(complete).ok_or(REASON)?;
    let whole = ascii.split('.').all(|label| !label.is_empty() && sound(label) && !label.ends_with('-'));
    if whole && sound(last) { Ok(format!("{ascii}.{last}")) } else { Err(REASON) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::email::Email;

    #[test]
    fn every_spelling_of_a_beginning_is_read_like_the_address() {
        for (text, expected) in [
            ("ADA", "ada"),
            ("ａda＠Ｅ", "ada@e"),
            ("ada@", "ada@"),
            ("ada+shop@", "ada+shop@"),
            ("ada@exämple.c", "ada@xn--exmple-cua.c"),
            ("ada@EXÄMPLE.", "ada@xn--exmple-cua."),
            ("ada@exa\u{308}mple。com", "ada@xn--exmple-cua.com"),
            ("ada@xn--ex", "ada@xn--ex"),
            ("ada@a.bücher.example", "ada@a.xn--bcher-kva.example"),
            ("οδός", "οδός"),
            ("ΟΔΟΣ@", "οδος@"),
            ("ΟΔΟΣΑ", "οδοσα"),
        ] {
            assert_eq!(EmailPrefix::parse(text).unwrap().as_str(), expected, "{text:?}");
        }
    }

    #[test]
    fn every_beginning_of_an_address_that_is_read_is_one_of_the_stored_address() {
        for address in [
            "Ada+Shop@Exämple.Co.Uk",
            "ΟΔΟΣ.α@ΟΔΟΣ.example.gr",
            "김철수@한국.example",
            "ﬁ.Ⅷ@x.com",
            "Ẑoë@x.com",
        ] {
            let stored = Email::parse(address).unwrap();
            for (end, _) in address.char_indices().skip(1).chain([(address.len(), ' ')]) {
                // `xn--exmple-cua` does not start with `ex`.
                let is_half_a_label = address[end..].split('.').next().is_some_and(|rest| !rest.is_ascii())
                    && address[..end].contains('@')
                    && !address[..end].ends_with(['.', '@']);
                if let Some(prefix) = EmailPrefix::parse(&address[..end]).ok().filter(|_| !is_half_a_label) {
                    assert!(
                        stored.as_str().starts_with(prefix.as_str()),
                        "{:?}: {prefix:?}",
                        &address[..end]
                    );
                }
            }
        }
    }

    #[test]
    fn what_no_address_begins_with_is_refused() {
        for text in [
            "",
            " ",
            "ada ",
            " ada",
            "ada shop@",
            "ada\u{3000}",
            "a\tb",
            "a\0",
            "a\u{85}",
            ".a",
            "a..b",
            "a.@",
            "@",
            "@x",
            "a@@",
            "a@b@c",
            "a(b",
            "a@x..",
            "a@.",
            "a@-x",
            "a@x-.com",
            "a@x_y",
            "a@x y",
            "a@\u{ad}",
            "a@é",
            "a@x.é",
            "a@xn--a.",
            "ΟΔΟΣ",
            "ΟΔΟΣ.",
            "a@ΟΔΟΣ.",
            &"x".repeat(65),
        ] {
            assert!(EmailPrefix::parse(text).is_err(), "{text:?}");
        }
        assert!(EmailPrefix::parse("ada shop@").unwrap_err().0.contains("%2B"));
    }
}
