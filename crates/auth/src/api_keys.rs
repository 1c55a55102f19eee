//! API keys: random secrets in a form that secret scanners find, and that a mistyped or invented
//! key does not have.

use aws_lc_rs::digest::{SHA256, digest};
use derive_more::Debug;
use secrecy::{ExposeSecret, SecretString};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The bytes of a key that are random.
pub const API_KEY_BYTES: usize = 32;

/// 62^43 is the first power of 62 beyond 2^256.
const SECRET_DIGITS: usize = 43;
/// 62^6 is the first power of 62 beyond 2^32.
const CHECKSUM_DIGITS: usize = 6;
/// So many digits tell the keys of a user apart, and leave 208 bits secret.
const SHOWN_DIGITS: usize = 8;

/// The form of a service's keys: the prefix, 43 digits in base62 for 32 random bytes, and 6 digits
/// for the CRC-32 of all that. `^prefix[0-9A-Za-z]{49}$` matches every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiKeyFormat {
    prefix: &'static str,
}

/// The text is no key of this form, or its checksum is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct MalformedApiKey;

/// A well-formed key, which need not exist. `Debug` hides it.
#[derive(Clone, Debug)]
pub struct ApiKey {
    text: SecretString,
    /// How many characters may be shown.
    #[debug(skip)]
    shown: usize,
}

/// The SHA-256 of a key, to be stored instead of it: a secret of 256 random bits needs no slow hash.
/// `Debug` does not show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[debug("ApiKeyHash(********)")]
pub struct ApiKeyHash(pub [u8; 32]);

impl ApiKeyFormat {
    /// `prefix` names the service in ASCII, such as `shop_`.
    pub const fn new(prefix: &'static str) -> Self {
        Self { prefix }
    }

    /// The key of these bytes, which must be random.
    pub fn key(self, random: [u8; API_KEY_BYTES]) -> ApiKey {
        let mut text = self.prefix.to_owned();
        push_base62(&mut text, random, SECRET_DIGITS);
        let checksum = crc32fast::hash(text.as_bytes());
        push_base62(&mut text, checksum.to_be_bytes(), CHECKSUM_DIGITS);
        self.well_formed(text)
    }

    /// Whether the text claims to be a key. No JWT begins like one.
    pub fn is_claimed_by(self, text: &str) -> bool {
        text.starts_with(self.prefix)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`MalformedApiKey`] for a text of another form or with a wrong checksum.
    pub fn parse(self, text: &str) -> Result<ApiKey, MalformedApiKey> {
        let digits = text.strip_prefix(self.prefix).ok_or(MalformedApiKey)?;
        let is_base62 = digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
        if !is_base62 || digits.len() != SECRET_DIGITS + CHECKSUM_DIGITS {
            return Err(MalformedApiKey);
        }
        let (checked, checksum) = text.split_at(text.len() - CHECKSUM_DIGITS);
        let mut expected = String::with_capacity(CHECKSUM_DIGITS);
        push_base62(&mut expected, crc32fast::hash(checked.as_bytes()).to_be_bytes(), CHECKSUM_DIGITS);
        // No secret is compared here: anyone can compute the checksum.
        if checksum == expected { Ok(self.well_formed(text.to_owned())) } else { Err(MalformedApiKey) }
    }

    fn well_formed(self, text: String) -> ApiKey {
        ApiKey { text: text.into(), shown: self.prefix.len() + SHOWN_DIGITS }
    }
}

impl ApiKey {
    /// The key itself, for its owner, once.
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    /// The beginning of the key, by which its owner recognizes it.
    pub fn shown_prefix(&self) -> &str {
        let text = self.text.expose_secret();
        text.get(..self.shown).unwrap_or_default()
    }

    /// What a database keeps instead of the key.
    pub fn hash(&self) -> ApiKeyHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, self.text.expose_secret().as_bytes()).as_ref());
        ApiKeyHash(hash)
    }
}

/// Appends a big-endian number in base62, with zeros in front.
fn push_base62<const N: usize>(text: &mut String, mut number: [u8; N], digits: usize) {
    let mut reversed = Vec::with_capacity(digits);
    for _ in 0..digits {
        let mut remainder = 0;
        for byte in &mut number {
            let dividend = remainder << 8 | usize::from(*byte);
            // Below 256: the remainder is below 62.
            *byte = u8::try_from(dividend / DIGITS.len()).unwrap_or_default();
            remainder = dividend % DIGITS.len();
        }
        reversed.push(DIGITS[remainder]);
    }
    text.extend(reversed.into_iter().rev().map(char::from));
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: ApiKeyFormat = ApiKeyFormat::new("shop_");

    fn text_of(random: [u8; API_KEY_BYTES]) -> String {
        FORMAT.key(random).text().expose_secret().to_owned()
    }

    #[test]
    fn a_key_is_its_prefix_and_49_digits_whatever_its_bytes() {
        for random in [[0; 32], [7; 32], [255; 32]] {
            let text = text_of(random);
            let digits = text.strip_prefix("shop_").unwrap();
            assert_eq!(digits.len(), 49, "{text}");
            assert!(digits.bytes().all(|digit| digit.is_ascii_alphanumeric()), "{text}");
            let key = FORMAT.parse(&text).unwrap();
            assert_eq!((key.hash(), key.shown_prefix()), (FORMAT.key(random).hash(), &text[..13]));
        }
    }

    /// Computed apart from this code: the form of keys that exist must not change.
    #[test]
    fn keys_of_earlier_releases_still_have_the_form() {
        assert_eq!(text_of([7; 32]), "shop_1fJjkkpe9PiTw9KSulA8Ghct30vZz4HpdQ5c5b9cPF13IVxbL");
        assert_eq!(text_of([255; 32]), "shop_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp14XOnpM");
    }

    #[test]
    fn a_changed_digit_a_cut_key_and_another_prefix_are_refused() {
        let text = text_of([7; 32]);
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
            assert!(FORMAT.parse(std::str::from_utf8(&changed).unwrap()).is_err(), "{place}");
            assert!(FORMAT.parse(&text[..place]).is_err(), "{place}");
        }
        assert!(FORMAT.parse(&format!("{text}0")).is_err());
        assert!(FORMAT.parse(&text.replace("shop_", "store_")).is_err());
        assert!(FORMAT.parse(&format!("shop_{}", "é".repeat(24))).is_err());
        assert!(ApiKeyFormat::new("store_").parse(&text.replace("shop_", "store_")).is_err());
    }

    #[test]
    fn only_what_has_the_prefix_claims_to_be_a_key() {
        assert!(FORMAT.is_claimed_by("shop_"));
        assert!(!FORMAT.is_claimed_by("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"));
    }

    #[test]
    fn a_key_and_its_hash_are_not_printed() {
        let key = FORMAT.key([7; 32]);
        let printed = format!("{key:?} {:?}", key.hash());
        assert!(!printed.contains("shop_") && printed.contains("********"), "{printed}");
    }
}
