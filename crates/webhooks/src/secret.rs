//! The secret of an endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

const PREFIX: &str = "whsec_";

/// The bytes that Standard Webhooks permits.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The bytes of a new secret: as many as HMAC-SHA256 has in its output.
const NEW_LENGTH: usize = 32;

/// The secret that signs messages to an endpoint and that its receiver verifies them with. `Debug`
/// does not show it.
#[derive(Clone, Debug)]
pub struct Secret(SecretSlice<u8>);

/// The operating system has no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system has no random bytes")]
pub struct RandomUnavailable(#[source] pub(crate) getrandom::Error);

/// The text is not a secret.
#[derive(Debug, thiserror::Error)]
#[error("must be `whsec_` and 24 to 64 bytes in base64")]
pub struct InvalidSecret;

impl Secret {
    /// A new secret of 32 random bytes.
    pub fn generate() -> Result<Self, RandomUnavailable> {
        let mut bytes = vec![0; NEW_LENGTH];
        getrandom::fill(&mut bytes).map_err(RandomUnavailable)?;
        Ok(Self(bytes.into()))
    }

    /// From its text, as [`Secret::to_text`] writes it.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if LENGTHS.contains(&bytes.len()) { Ok(Self(bytes.into())) } else { Err(InvalidSecret) }
    }

    /// `whsec_` and the bytes in base64: what the receiver stores, and what is to be shown once.
    pub fn to_text(&self) -> SecretString {
        format!("{PREFIX}{}", STANDARD.encode(self.bytes())).into()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_read_from_its_text_and_never_shown() {
        let secret = Secret::generate().unwrap();
        let text = secret.to_text();
        let text = text.expose_secret();
        assert_eq!(text.len(), PREFIX.len() + 44);
        assert_eq!(Secret::parse(text).unwrap().bytes(), secret.bytes());
        assert_ne!(Secret::generate().unwrap().bytes(), secret.bytes());
        assert!(!format!("{secret:?} {:?}", secret.to_text()).contains(&text[6..]));
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        for (length, is_valid) in [(23, false), (24, true), (64, true), (65, false)] {
            let text = format!("whsec_{}", STANDARD.encode(vec![7; length]));
            assert_eq!(Secret::parse(&text).is_ok(), is_valid, "{length}");
        }
        for text in [
            "",
            "whsec_",
            "whsec_!",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert!(Secret::parse(text).is_err(), "{text}");
        }
    }
}
