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

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last page.
    pub next_page: Option<String>,
}

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

    /// Where a page of a list begins, for keyset pagination: `cursor` of the sort key of the item
    /// before it. `None` is the first page. The purpose names the list and its filter, so that a
    /// token is valid for its own list only.
    ///
    /// # Errors
    /// [`InvalidValue`] if the token is not of this list, or `cursor` refuses its sort key.
    pub fn cursor<C>(
        &self,
        purpose: &str,
        token: Option<&str>,
        cursor: impl FnOnce(&[i64]) -> Option<C>,
    ) -> Result<Option<C>, InvalidValue> {
        let Some(token) = token else { return Ok(None) };
        let payload = self.verify(purpose, token)?;
        let (numbers, []) = payload.as_chunks() else { return Err(InvalidValue) };
        let sort_key: Vec<_> = numbers.iter().copied().map(i64::from_be_bytes).collect();
        cursor(&sort_key).map(Some).ok_or(InvalidValue)
    }

    /// The ID after which a page of a list in the order of IDs begins. `None` is the first page.
    ///
    /// # Errors
    /// [`InvalidValue`] if the token is not of this list.
    pub fn after_id(&self, purpose: &str, token: Option<&str>) -> Result<Option<i64>, InvalidValue> {
        self.cursor(purpose, token, |sort_key| if let [id] = *sort_key { Some(id) } else { None })
    }

    /// The page of the first `limit` items. Load one item more: it shows that there is a next page.
    pub fn page<T>(
        &self,
        purpose: &str,
        mut items: Vec<T>,
        limit: u16,
        sort_key: impl FnOnce(&T) -> Vec<i64>,
    ) -> Page<T> {
        let has_next = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let last = items.last().filter(|_| has_next);
        let payload = |item| sort_key(item).into_iter().flat_map(i64::to_be_bytes).collect::<Vec<_>>();
        Page { next_page: last.map(|item| self.sign(purpose, &payload(item))), items }
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

    #[test]
    fn pages_contain_every_item_once_and_tokens_are_valid_for_their_own_list() {
        let signer = ValueSigner::new("service", [&"a secret of the tests".to_owned().into()]);
        let start = |list: &str, token: Option<&str>| signer.after_id(list, token);
        let (mut found, mut token) = (Vec::new(), None);
        while found.len() < 5 {
            let after = start("notes", token.as_deref()).unwrap().unwrap_or(i64::MIN);
            let rows = (-2..3).filter(|id| *id > after).take(2 + 1).collect();
            let page = signer.page("notes", rows, 2, |id| vec![*id]);
            found.extend(page.items);
            token = page.next_page;
            assert_eq!(token.is_none(), found.len() == 5);
            assert!(token.is_none() || start("others", token.as_deref()).is_err());
        }
        assert_eq!(found, [-2, -1, 0, 1, 2]);
    }

    #[test]
    fn a_page_token_of_another_length_is_refused() {
        let signer = ValueSigner::new("service", [&"a secret of the tests".to_owned().into()]);
        for length in [1, 7, 9, 15, 17] {
            let token = signer.sign("notes", &vec![1; length]);
            assert!(signer.cursor("notes", Some(&token), |_| Some(())).is_err(), "{length}");
        }
    }
}
