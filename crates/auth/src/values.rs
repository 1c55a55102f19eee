//! Opaque values that leave the service and come back: signed, not encrypted.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// Half of HMAC-SHA-256, which RFC 2104 (section 5) names as the least to keep.
const TAG_BYTES: usize = 16;

/// The value was not signed here for this purpose, or was changed.
#[derive(Debug, thiserror::Error)]
#[error("not a value of this service")]
pub struct InvalidValue;

/// Signs and verifies opaque values, such as page tokens. They do not expire.
#[derive(Clone)]
pub struct ValueSigner {
    keys: Vec<hmac::Key>,
}

impl ValueSigner {
    /// Derives its keys from secrets, the current one first: it signs, all verify. Without any,
    /// nothing verifies. `domain` names the service, so that values of two services with one secret
    /// differ; it must never change.
    pub fn new<'a>(domain: &str, secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let derive = |secret: &SecretString| {
            let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
            let derived = hmac::sign(&root, format!("{domain} sealed value").as_bytes());
            hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
        };
        Self { keys: secrets.into_iter().map(derive).collect() }
    }

    /// Signs `payload` for `purpose`, which must not contain NUL: it verifies for no other. The
    /// result is base64url of tag and payload.
    pub fn sign(&self, purpose: &str, payload: &[u8]) -> String {
        let tag = self.keys.first().map(|key| tag(key, purpose, payload));
        let tag = tag.as_ref().map_or(&[][..], |tag| &tag.as_ref()[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode([tag, payload].concat())
    }

    /// The payload of what [`sign`](Self::sign) returned for this purpose.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything else.
    pub fn verify(&self, purpose: &str, value: &str) -> Result<Vec<u8>, InvalidValue> {
        let bytes = URL_SAFE_NO_PAD.decode(value).map_err(|_| InvalidValue)?;
        let (given, payload) = bytes.split_at_checked(TAG_BYTES).ok_or(InvalidValue)?;
        let is_genuine = |key| {
            let expected = tag(key, purpose, payload);
            verify_slices_are_equal(&expected.as_ref()[..TAG_BYTES], given).is_ok()
        };
        if self.keys.iter().any(is_genuine) { Ok(payload.to_vec()) } else { Err(InvalidValue) }
    }
}

fn tag(key: &hmac::Key, purpose: &str, payload: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(purpose.as_bytes());
    // A byte that no purpose contains keeps ("ab", "c") apart from ("a", "bc").
    context.update(&[0]);
    context.update(payload);
    context.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(keys: &[&str]) -> ValueSigner {
        let secrets: Vec<SecretString> =
            keys.iter().map(|key| SecretString::from((*key).to_owned())).collect();
        ValueSigner::new("groundwork", &secrets)
    }

    #[test]
    fn a_value_verifies_for_its_purpose_only() {
        let ours = signer(&["one"]);
        let value = ours.sign("page", b"42");
        assert_eq!(ours.verify("page", &value).unwrap(), b"42");
        assert!(ours.verify("other", &value).is_err());
    }

    #[test]
    fn changed_cut_and_foreign_values_do_not_verify() {
        let ours = signer(&["one"]);
        let value = ours.sign("page", b"42");
        for end in 0..value.len() {
            assert!(ours.verify("page", &value[..end]).is_err());
        }
        assert!(ours.verify("page", &signer(&["two"]).sign("page", b"42")).is_err());
        assert!(ours.verify("page", "not base64 ☃").is_err());
        let elsewhere = ValueSigner::new("another service", [&"one".into()]);
        assert!(ours.verify("page", &elsewhere.sign("page", b"42")).is_err());
    }

    #[test]
    fn a_previous_key_still_verifies_what_it_signed() {
        let value = signer(&["old"]).sign("page", b"42");
        assert!(signer(&["new", "old"]).verify("page", &value).is_ok());
    }

    #[test]
    fn without_a_key_nothing_verifies() {
        let none = signer(&[]);
        assert!(none.verify("page", &none.sign("page", &[0; 32])).is_err());
    }

    /// Values that version 1.1.0 signed, computed apart from this code.
    #[test]
    fn values_of_earlier_releases_still_verify() {
        let signer = signer(&["0123456789abcdef0123456789abcdef"]);
        assert_eq!(signer.sign("page", b"42"), "3GO-Iq4bROIUu7385OOAWjQy");
    }
}
