//! The ids of tokens, and what is derived from them.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use derive_more::{Debug, From};

use crate::TokenSigner;

/// A token's `jti`, which makes two tokens of one second differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenId(pub(crate) String);

impl TokenId {
    /// An id of 128 bits, which must be random.
    pub fn new(random: [u8; 16]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }
}

/// The SHA-256 of a refresh token's id, to be stored instead of it. `Debug` does not show it.
#[derive(Clone, Debug, From, PartialEq, Eq)]
#[debug("TokenHash(********)")]
pub struct TokenHash(pub Vec<u8>);

impl TokenSigner {
    /// The id of the one refresh token that follows the one with this id. It is a function of the
    /// id, so that a client whose response was lost can get the same successor again. It need not
    /// be secret: it is worth nothing without a signature.
    pub fn successor(&self, id: &TokenId) -> TokenId {
        self.derived(id, "successor")
    }

    /// The id of the access token that is issued together with the refresh token with this id.
    pub fn access_id(&self, id: &TokenId) -> TokenId {
        self.derived(id, "access")
    }

    /// What a database keeps instead of the id.
    pub fn hash(&self, id: &TokenId) -> TokenHash {
        TokenHash(digest_of(self.domain, "token", &id.0).as_ref().to_vec())
    }

    fn derived(&self, id: &TokenId, purpose: &str) -> TokenId {
        TokenId(URL_SAFE_NO_PAD.encode(&digest_of(self.domain, purpose, &id.0).as_ref()[..16]))
    }
}

pub(crate) fn digest_of(domain: &str, purpose: &str, text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, format!("{domain} {purpose}\0{text}").as_bytes())
}

#[cfg(test)]
mod tests {
    use groundwork_clock::Clock;

    use super::*;
    use crate::TokenKeys;

    #[test]
    fn a_successor_is_always_the_same_and_never_its_parent() {
        let keys = TokenKeys { domain: "groundwork", current: &"a key".into(), previous: &[] };
        let (signer, id) = (TokenSigner::new(keys, Clock::default()), TokenId::new([7; 16]));
        let successor = signer.successor(&id);
        assert_eq!(signer.successor(&id), successor);
        assert_ne!(successor, id);
        assert_ne!(signer.hash(&id), signer.hash(&successor));
    }
}
