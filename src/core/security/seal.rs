//! Opaque values that leave the service and come back: signed, so that only our own are accepted.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// Half of HMAC-SHA-256, which RFC 2104 (section 5) names as the least to keep.
const TAG_BYTES: usize = 16;

/// The value is not one that this service made for this purpose.
#[derive(Debug, thiserror::Error)]
#[error("not a value of this service")]
pub struct NotSealed;

/// Seals and opens values. A seal made under a previous key still opens.
#[derive(Clone)]
pub struct Sealer {
    keys: Vec<hmac::Key>,
}

impl Sealer {
    /// Derives its keys from the signing keys, the present one first.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let derive = |secret: &SecretString| {
            let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, b"groundwork sealed value").as_ref())
        };
        Self { keys: secrets.into_iter().map(derive).collect() }
    }

    /// Seals `payload` for `purpose`: it opens for no other.
    pub fn seal(&self, purpose: &str, payload: &[u8]) -> String {
        let tag = self.keys.first().map(|key| tag(key, purpose, payload));
        URL_SAFE_NO_PAD
            .encode([tag.as_ref().map_or(&[][..], |tag| &tag.as_ref()[..TAG_BYTES]), payload].concat())
    }

    /// Opens what [`Sealer::seal`] made.
    ///
    /// # Errors
    /// When it was made elsewhere, for another purpose, or was changed.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, NotSealed> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| NotSealed)?;
        let (given, payload) = bytes.split_at_checked(TAG_BYTES).ok_or(NotSealed)?;
        let genuine = |key| {
            let expected = tag(key, purpose, payload);
            aws_lc_rs::constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG_BYTES], given).is_ok()
        };
        if self.keys.iter().any(genuine) { Ok(payload.to_vec()) } else { Err(NotSealed) }
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

    fn sealer(keys: &[&str]) -> Sealer {
        let secrets: Vec<SecretString> =
            keys.iter().map(|key| SecretString::from((*key).to_owned())).collect();
        Sealer::new(&secrets)
    }

    #[test]
    fn a_sealed_value_opens_for_its_purpose_only() {
        let ours = sealer(&["one"]);
        let value = ours.seal("page", b"42");
        assert_eq!(ours.open("page", &value).unwrap(), b"42");
        assert!(ours.open("other", &value).is_err());
    }

    #[test]
    fn changed_cut_and_foreign_values_do_not_open() {
        let ours = sealer(&["one"]);
        let sealed = ours.seal("page", b"42");
        for end in 0..sealed.len() {
            assert!(ours.open("page", &sealed[..end]).is_err());
        }
        assert!(ours.open("page", &sealer(&["two"]).seal("page", b"42")).is_err());
        assert!(ours.open("page", "not base64 ☃").is_err());
    }

    #[test]
    fn a_rotated_key_still_opens_what_it_sealed() {
        let sealed = sealer(&["old"]).seal("page", b"42");
        assert!(sealer(&["new", "old"]).open("page", &sealed).is_ok());
    }
}
