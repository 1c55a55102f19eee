//! Access and refresh tokens: JWTs signed with HS256 (RFC 7519, RFC 8725).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::recent::{Recent, Signed, Times};
use crate::core::clock::{Clock, Timestamp};
use crate::core::ids::{NoRandomness, SessionId, UserId, random_bytes};

/// How far the clocks of two instances may differ: a token is accepted this long after its `exp` and before its `iat`.
pub const LEEWAY: Duration = Duration::from_secs(5);

/// Ours have about 300 bytes; what is much longer is not worth parsing.
const MAX_TOKEN_BYTES: usize = 2048;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Sent with every request; short-lived.
    Access,
    /// Exchanged for new tokens, once.
    Refresh,
}

/// The claims of both kinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id, as RFC 7519 wants it: a string.
    pub sub: String,
    /// The end of its life, in seconds since 1970.
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// Not valid before, in seconds since 1970; never issued here, respected where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: TokenKind,
    /// Makes two tokens of one second differ.
    pub jti: String,
    /// The session it belongs to.
    pub sid: String,
}

/// A verified token: who, and in which session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The token's own id.
    pub token: TokenId,
}

/// The token is not one of ours, is of another kind, or its time is over or has not come.
#[derive(Debug, thiserror::Error)]
#[error("invalid token: {0}")]
pub struct InvalidToken(&'static str);

impl InvalidToken {
    /// What was wrong, for the log.
    pub fn reason(&self) -> &'static str {
        self.0
    }
}

/// Signing a token failed.
#[derive(Debug, thiserror::Error)]
#[error("signing a token failed")]
pub struct SigningFailed(#[from] jsonwebtoken::errors::Error);

/// A token's `jti`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenId(String);

impl TokenId {
    /// A new random id.
    ///
    /// # Errors
    /// When the operating system's random source fails.
    pub fn random() -> Result<Self, NoRandomness> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random_bytes::<16>()?)))
    }

    /// The id of the one refresh token that follows this one. It is a function of this id so that a client
    /// whose response was lost can be given the same successor again: it need not be a secret, because
    /// nobody can use it without our signature.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&digest_of("groundwork successor", &self.0).as_ref()[..16]))
    }

    /// The id of the access token that is issued together with this refresh token.
    #[must_use]
    pub fn of_access(&self) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&digest_of("groundwork access", &self.0).as_ref()[..16]))
    }

    /// What the database keeps instead of the token.
    pub fn hash(&self) -> TokenHash {
        TokenHash(digest_of("groundwork token", &self.0).as_ref().to_vec())
    }
}

fn digest_of(purpose: &str, text: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, format!("{purpose}\0{text}").as_bytes())
}

/// The SHA-256 of a refresh token's id.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(pub Vec<u8>);

impl From<Vec<u8>> for TokenHash {
    fn from(hash: Vec<u8>) -> Self {
        Self(hash)
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(********)")
    }
}

struct Key {
    id: String,
    decoding: DecodingKey,
}

/// Signs with the present key; verifies with it and the previous ones.
pub struct TokenSigner {
    keys: Vec<Key>,
    encoding: EncodingKey,
    header: Header,
    validation: Validation,
    recent: Recent,
    clock: Clock,
}

impl TokenSigner {
    /// `present` signs; `previous` only verify, until the last token they signed has ended.
    pub fn new(present: &SecretString, previous: &[SecretString], clock: Clock) -> Self {
        let keys: Vec<Key> = std::iter::once(present)
            .chain(previous)
            .map(|secret| Key {
                id: key_id(secret),
                decoding: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
            })
            .collect();
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key_id(present));
        let mut validation = Validation::new(Algorithm::HS256);
        // Time is checked below, against the service's clock and with a leeway of seconds instead of a minute.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let encoding = EncodingKey::from_secret(present.expose_secret().as_bytes());
        Self { keys, encoding, header, validation, recent: Recent::default(), clock }
    }

    /// Signs a token. The same arguments give the same token.
    ///
    /// # Errors
    /// Only if the cryptographic library refuses its key.
    pub fn sign(
        &self,
        kind: TokenKind,
        user: UserId,
        session: SessionId,
        token: &TokenId,
        issued: Timestamp,
        lifetime: Duration,
    ) -> Result<String, SigningFailed> {
        let claims = Claims {
            sub: user.to_string(),
            exp: issued.plus(lifetime).seconds(),
            iat: issued.seconds(),
            nbf: None,
            kind,
            jti: token.0.clone(),
            sid: session.to_string(),
        };
        Ok(jsonwebtoken::encode(&self.header, &claims, &self.encoding)?)
    }

    /// Checks everything about a token that can be known without the database.
    ///
    /// # Errors
    /// When anything is wrong; the reason is for the log, not for the caller.
    pub fn verify(&self, token: &str, kind: TokenKind) -> Result<Verified, InvalidToken> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidToken("too long"));
        }
        // A refresh token is used once.
        let is_repeated = kind == TokenKind::Access;
        if is_repeated && let Some(known) = self.recent.get(token) {
            self.check_times(known.times)?;
            return Ok(known.verified.clone());
        }
        let signed = self.check(token, kind)?;
        self.check_times(signed.times)?;
        if !is_repeated {
            return Ok(signed.verified);
        }
        let signed = Arc::new(signed);
        self.recent.remember(token, &signed);
        Ok(signed.verified.clone())
    }

    /// Checks what stays as it is: the signature, and what was signed.
    fn check(&self, token: &str, kind: TokenKind) -> Result<Signed, InvalidToken> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken("malformed header"))?;
        let key = self.key_for(&header)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation)
            .map_err(|_| InvalidToken("signature or claims"))?
            .claims;
        if claims.kind != kind {
            return Err(InvalidToken("wrong type"));
        }
        let verified = Verified {
            user: claims.sub.parse().map_err(|_| InvalidToken("sub"))?,
            session: claims.sid.parse().map_err(|_| InvalidToken("sid"))?,
            token: TokenId(claims.jti),
        };
        Ok(Signed { verified, times: Times { exp: claims.exp, iat: claims.iat, nbf: claims.nbf } })
    }

    /// A header chooses among our own keys by `kid` and nothing else: no algorithm but the pinned one, no key
    /// or address of a key that the token brings along (RFC 8725, 3.1 and 3.10).
    fn key_for(&self, header: &Header) -> Result<&DecodingKey, InvalidToken> {
        if header.alg != Algorithm::HS256 {
            return Err(InvalidToken("algorithm"));
        }
        let foreign = header.jku.is_some()
            || header.jwk.is_some()
            || header.x5u.is_some()
            || header.x5c.is_some()
            || header.crit.is_some()
            || header.enc.is_some();
        if foreign {
            return Err(InvalidToken("header brings a key"));
        }
        let wanted = header.kid.as_deref();
        let key = self.keys.iter().find(|key| wanted.is_none_or(|id| id == key.id));
        key.map(|key| &key.decoding).ok_or(InvalidToken("unknown key"))
    }

    fn check_times(&self, Times { exp, iat, nbf }: Times) -> Result<(), InvalidToken> {
        let now = self.clock.now().seconds();
        let leeway = i64::try_from(LEEWAY.as_secs()).unwrap_or(i64::MAX);
        if exp <= now.saturating_sub(leeway) {
            Err(InvalidToken("expired"))
        } else if iat > now + leeway {
            Err(InvalidToken("issued in the future"))
        } else if nbf.is_some_and(|nbf| nbf > now + leeway) {
            Err(InvalidToken("not valid yet"))
        } else {
            Ok(())
        }
    }
}

/// A key's public name: it changes with the key and tells nothing about it.
fn key_id(secret: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(&digest_of("groundwork key id", secret.expose_secret()).as_ref()[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const MINUTE: Duration = Duration::from_mins(1);

    fn signer(keys: &[&str], clock: &Clock) -> TokenSigner {
        let mut secrets = keys.iter().map(|key| SecretString::from((*key).to_owned()));
        TokenSigner::new(&secrets.next().unwrap(), &secrets.collect::<Vec<_>>(), clock.clone())
    }

    fn sign(signer: &TokenSigner, kind: TokenKind) -> String {
        let session = SessionId([7; 16]);
        signer.sign(kind, UserId(1), session, &TokenId("one".into()), signer.clock.now(), MINUTE).unwrap()
    }

    #[test]
    fn a_token_is_accepted_for_its_kind_only() {
        let signer = signer(&[KEY], &Clock::default());
        let token = sign(&signer, TokenKind::Access);
        let verified = signer.verify(&token, TokenKind::Access).unwrap();
        assert_eq!((verified.user, verified.session), (UserId(1), SessionId([7; 16])));
        assert!(signer.verify(&token, TokenKind::Refresh).is_err());
    }

    #[test]
    fn a_token_lives_until_the_leeway_after_its_expiry() {
        let clock = Clock::default();
        let signer = signer(&[KEY], &clock);
        let token = sign(&signer, TokenKind::Access);
        clock.advance(MINUTE + Duration::from_secs(1));
        assert!(signer.verify(&token, TokenKind::Access).is_ok());
        clock.advance(Duration::from_secs(5));
        // One that is known, and one that is seen for the first time.
        assert!(signer.verify(&token, TokenKind::Access).is_err());
        assert!(self::signer(&[KEY], &clock).verify(&token, TokenKind::Access).is_err());
    }

    #[test]
    fn a_previous_key_verifies_but_a_forgotten_one_does_not() {
        let clock = Clock::default();
        let other = "another key, another key, another";
        let old = sign(&signer(&[KEY], &clock), TokenKind::Access);
        assert!(signer(&[other, KEY], &clock).verify(&old, TokenKind::Access).is_ok());
        assert!(signer(&[other], &clock).verify(&old, TokenKind::Access).is_err());
    }

    #[test]
    fn a_token_that_is_known_helps_none_that_differs_from_it() {
        let signer = signer(&[KEY], &Clock::default());
        let token = sign(&signer, TokenKind::Access);
        for _ in 0..2 {
            assert!(signer.verify(&token, TokenKind::Access).is_ok());
        }
        assert!(signer.verify(&token, TokenKind::Refresh).is_err());
        for place in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[place] ^= 1;
            let other = String::from_utf8(other).unwrap();
            // The last character of each part has bits that mean nothing, which a strict decoder refuses too.
            assert!(signer.verify(&other, TokenKind::Access).is_err(), "{place}");
        }
    }

    #[test]
    fn a_successor_is_always_the_same_and_never_its_parent() {
        let id = TokenId::random().unwrap();
        assert_eq!(id.successor(), id.successor());
        assert_ne!(id.successor(), id);
        assert_ne!(id.hash(), id.successor().hash());
    }
}
