//! Access and refresh tokens: JWTs (RFC 7519, RFC 8725).

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use groundwork_clock::{Clock, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::ids::TokenId;
use crate::key_files::{KeyFileError, KeyFiles, KeySource, Secrets};
use crate::keys::{KeySet, PublicKey};

/// How far the clocks of two instances may differ: a token is accepted this long after its `exp`
/// and before its `iat`.
pub const LEEWAY: Duration = Duration::from_secs(5);

/// The longest token that is parsed, in bytes; one that is signed here has about 300.
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
#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    sub: String,
    exp: i64,
    iat: i64,
    /// Never set here, respected where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(rename = "type")]
    kind: TokenKind,
    jti: String,
    sid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken<Subject, Session> {
    /// The user, from `sub`.
    pub subject: Subject,
    /// The session, from `sid`.
    pub session: Session,
    /// The token's own id, from `jti`.
    pub id: TokenId,
}

/// The token was not signed here, is of another kind, or its time is over or has not come.
#[derive(Debug, thiserror::Error)]
#[error("invalid token: {0}")]
pub struct InvalidToken(pub(crate) &'static str);

impl InvalidToken {
    /// What was wrong, for the log.
    pub fn reason(&self) -> &'static str {
        self.0
    }
}

/// Signing a token failed.
#[derive(Debug, thiserror::Error)]
#[error("signing a token failed")]
pub struct SigningFailed(#[source] jsonwebtoken::errors::Error);

/// What tokens are signed with.
#[derive(Clone, Copy)]
pub struct TokenKeys<'a> {
    /// Names the service in what is derived from ids and keys. It must never change.
    pub domain: &'static str,
    /// Signs and verifies.
    pub current: &'a SecretString,
    /// Only verify: keep a key here until the last token that it signed has expired.
    pub previous: &'a [SecretString],
}

impl From<TokenKeys<'_>> for Secrets {
    fn from(TokenKeys { domain, current, previous }: TokenKeys<'_>) -> Self {
        Self { domain, current: current.clone(), previous: previous.to_vec() }
    }
}

/// Signs with the current key; verifies with it and the previous ones.
pub struct TokenSigner {
    pub(crate) domain: &'static str,
    keys: KeySource,
    issuer: Option<String>,
    audience: Option<String>,
    clock: Clock,
}

impl TokenSigner {
    /// Signs with HS256. Times are read from `clock`.
    pub fn new(keys: TokenKeys<'_>, clock: Clock) -> Self {
        let source = KeySource::fixed(&Secrets::from(keys));
        Self { domain: keys.domain, keys: source, issuer: None, audience: None, clock }
    }

    /// With keys in files as well: if there is a current one, it signs instead of the current
    /// secret, which verifies nothing then.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn with_files(keys: TokenKeys<'_>, files: KeyFiles, clock: Clock) -> Result<Self, KeyFileError> {
        let source = KeySource::new(Secrets::from(keys), files)?;
        Ok(Self { domain: keys.domain, keys: source, issuer: None, audience: None, clock })
    }

    /// Signs tokens with these claims, and accepts no others.
    #[must_use]
    pub fn with_claims(self, issuer: Option<String>, audience: Option<String>) -> Self {
        Self { issuer, audience, ..self }
    }

    /// The keys that others can verify tokens with, that of new tokens first. There are none if a
    /// secret signs.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.keys().public_keys()
    }

    /// Signs a token. The same arguments return the same token.
    ///
    /// # Errors
    /// [`SigningFailed`] if the claims cannot be serialized.
    pub fn sign(
        &self,
        kind: TokenKind,
        subject: impl Display,
        session: impl Display,
        id: &TokenId,
        issued: Timestamp,
        lifetime: Duration,
    ) -> Result<String, SigningFailed> {
        let claims = Claims {
            sub: subject.to_string(),
            exp: issued.plus(lifetime).seconds(),
            iat: issued.seconds(),
            nbf: None,
            kind,
            jti: id.0.clone(),
            sid: session.to_string(),
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
        };
        self.keys.keys().sign(&claims).map_err(SigningFailed)
    }

    /// Checks everything about a token that can be known without a database.
    ///
    /// # Errors
    /// [`InvalidToken`] when anything is wrong.
    pub fn verify<Subject: FromStr, Session: FromStr>(
        &self,
        token: &str,
        kind: TokenKind,
    ) -> Result<VerifiedToken<Subject, Session>, InvalidToken> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidToken("too long"));
        }
        // A refresh token is used once.
        let is_reused = kind == TokenKind::Access;
        let keys = self.keys.keys();
        let cached = if is_reused { keys.cache.get(token) } else { None };
        let is_new = is_reused && cached.is_none();
        let claims = cached.map_or_else(|| self.verify_signature(&keys, token), Ok)?;
        if claims.kind != kind {
            return Err(InvalidToken("wrong type"));
        }
        self.check_times(&claims)?;
        let accepted = VerifiedToken {
            subject: claims.sub.parse().map_err(|_| InvalidToken("sub"))?,
            session: claims.sid.parse().map_err(|_| InvalidToken("sid"))?,
            id: TokenId(claims.jti.clone()),
        };
        if is_new {
            keys.cache.insert(token, claims);
        }
        Ok(accepted)
    }

    /// Checks what does not change while the keys stay the same.
    fn verify_signature(&self, keys: &KeySet, token: &str) -> Result<Arc<Claims>, InvalidToken> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken("malformed header"))?;
        let claims: Claims = keys.key_for(&header)?.verify(token)?;
        let is_expected =
            |expected: &Option<String>, actual: &Option<String>| expected.is_none() || expected == actual;
        if !is_expected(&self.issuer, &claims.iss) {
            return Err(InvalidToken("issuer"));
        }
        if !is_expected(&self.audience, &claims.aud) {
            return Err(InvalidToken("audience"));
        }
        Ok(Arc::new(claims))
    }

    fn check_times(&self, claims: &Claims) -> Result<(), InvalidToken> {
        let now = self.clock.now().seconds();
        let leeway = i64::try_from(LEEWAY.as_secs()).unwrap_or(i64::MAX);
        if claims.exp <= now.saturating_sub(leeway) {
            Err(InvalidToken("expired"))
        } else if claims.iat > now + leeway {
            Err(InvalidToken("issued in the future"))
        } else if claims.nbf.is_some_and(|nbf| nbf > now + leeway) {
            Err(InvalidToken("not valid yet"))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const MINUTE: Duration = Duration::from_mins(1);

    fn signer(keys: &[&str], clock: &Clock) -> TokenSigner {
        let secrets: Vec<SecretString> =
            keys.iter().map(|key| SecretString::from((*key).to_owned())).collect();
        let keys = TokenKeys { domain: "groundwork", current: &secrets[0], previous: &secrets[1..] };
        TokenSigner::new(keys, clock.clone())
    }

    fn sign(signer: &TokenSigner, kind: TokenKind) -> String {
        signer.sign(kind, 1, "seven", &TokenId("one".into()), signer.clock.now(), MINUTE).unwrap()
    }

    fn verify(
        signer: &TokenSigner,
        token: &str,
        kind: TokenKind,
    ) -> Result<VerifiedToken<i64, String>, InvalidToken> {
        signer.verify(token, kind)
    }

    #[test]
    fn a_token_is_accepted_for_its_kind_only() {
        let signer = signer(&[KEY], &Clock::default());
        let token = sign(&signer, TokenKind::Access);
        let verified = verify(&signer, &token, TokenKind::Access).unwrap();
        assert_eq!((verified.subject, verified.session.as_str()), (1, "seven"));
        assert_eq!(verified.id, TokenId("one".into()));
        assert!(verify(&signer, &token, TokenKind::Refresh).is_err());
    }

    #[test]
    fn a_token_lives_until_the_leeway_after_its_expiry() {
        let clock = Clock::default();
        let signer = signer(&[KEY], &clock);
        let token = sign(&signer, TokenKind::Access);
        clock.advance(MINUTE + Duration::from_secs(1));
        assert!(verify(&signer, &token, TokenKind::Access).is_ok());
        clock.advance(Duration::from_secs(5));
        assert!(verify(&signer, &token, TokenKind::Access).is_err(), "it is cached");
        let restarted = self::signer(&[KEY], &clock);
        assert!(verify(&restarted, &token, TokenKind::Access).is_err(), "it is not cached");
        assert!(restarted.keys.keys().cache.get(&token).is_none());
    }

    #[test]
    fn only_accepted_access_tokens_are_cached() {
        let signer = signer(&[KEY], &Clock::default());
        let [access, refresh] = [TokenKind::Access, TokenKind::Refresh].map(|kind| sign(&signer, kind));
        assert!(verify(&signer, &refresh, TokenKind::Refresh).is_ok());
        for (token, kind) in [(&refresh, TokenKind::Access), (&access, TokenKind::Refresh)] {
            assert!(verify(&signer, token, kind).is_err());
        }
        assert!(
            signer.keys.keys().cache.get(&access).is_none()
                && signer.keys.keys().cache.get(&refresh).is_none()
        );
        let verified = verify(&signer, &access, TokenKind::Access).unwrap();
        assert!(signer.keys.keys().cache.get(&access).is_some());
        assert_eq!(verify(&signer, &access, TokenKind::Access).unwrap(), verified);
        assert!(verify(&signer, &access, TokenKind::Refresh).is_err());
    }

    #[test]
    fn the_cache_evicts_the_least_recently_used_of_4096_tokens() {
        let signer = signer(&[KEY], &Clock::default());
        let claims = signer.verify_signature(&signer.keys.keys(), &sign(&signer, TokenKind::Access)).unwrap();
        for number in 0..=4096 {
            signer.keys.keys().cache.insert(&number.to_string(), claims.clone());
            assert!(signer.keys.keys().cache.get("0").is_some());
        }
        assert!(signer.keys.keys().cache.get("1").is_none() && signer.keys.keys().cache.get("2").is_some());
    }

    #[test]
    fn a_previous_key_verifies_but_a_forgotten_one_does_not() {
        let clock = Clock::default();
        let other = "another key, another key, another";
        let old = sign(&signer(&[KEY], &clock), TokenKind::Access);
        assert!(verify(&signer(&[other, KEY], &clock), &old, TokenKind::Access).is_ok());
        assert!(verify(&signer(&[other], &clock), &old, TokenKind::Access).is_err());
    }

    #[test]
    fn a_token_that_differs_from_a_cached_one_in_a_bit_is_refused() {
        let signer = signer(&[KEY], &Clock::default());
        let token = sign(&signer, TokenKind::Access);
        assert!(verify(&signer, &token, TokenKind::Access).is_ok());
        for place in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[place] ^= 1;
            let other = String::from_utf8(other).unwrap();
            // The last character of each part has bits that mean nothing, which a strict decoder
            // refuses too.
            assert!(verify(&signer, &other, TokenKind::Access).is_err(), "{place}");
        }
    }

    /// The header of a token from elsewhere, signed with our key.
    fn with_header(header: &str) -> String {
        let token = sign(&signer(&[KEY], &Clock::default()), TokenKind::Access);
        let claims = token.split('.').nth(1).unwrap();
        let message = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    #[test]
    fn a_header_chooses_a_key_and_nothing_else() {
        let other = "another key, another key, another";
        let [current, previous] =
            [&[KEY, other][..], &[other, KEY]].map(|keys| signer(keys, &Clock::default()));
        let plain = with_header(r#"{"alg":"HS256"}"#);
        assert!(verify(&current, &plain, TokenKind::Access).is_ok());
        assert!(verify(&previous, &plain, TokenKind::Access).is_err(), "only the current key is tried");
        let named = with_header(&format!(
            r#"{{"kid":"{}","alg":"HS256"}}"#,
            current.keys.keys().header.kid.clone().unwrap()
        ));
        assert!(verify(&previous, &named, TokenKind::Access).is_ok());
        for header in [
            "{}",
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"HS256","kid":"unknown"}"#,
            r#"{"alg":"HS256","kid":7}"#,
            r#"{"alg":"HS256","jwk":{"kty":"oct"}}"#,
            r#"{"alg":"HS256","jku":"https://example.com"}"#,
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","alg":"HS256"}"#,
            "[]",
            "",
        ] {
            assert!(verify(&current, &with_header(header), TokenKind::Access).is_err(), "{header}");
        }
    }

    /// What version 1.1.0 signed and derived, computed apart from this code.
    #[test]
    fn tokens_of_earlier_releases_stay_as_they_are() {
        let signer = signer(&[KEY], &Clock::default());
        let (id, issued) = (TokenId::new([7; 16]), Timestamp::from_seconds(1_800_000_000));
        let token = signer.sign(TokenKind::Access, 12_345, "session", &id, issued, MINUTE).unwrap();
        let expected = [
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6Imd0cC1WU3IxIn0",
            "eyJzdWIiOiIxMjM0NSIsImV4cCI6MTgwMDAwMDA2MCwiaWF0IjoxODAwMDAwMDAwLCJ0eXBlIjoiYWNjZXNzIiwianRpIjoiQndjSEJ3Y0hCd2NIQndjSEJ3Y0hCdyIsInNpZCI6InNlc3Npb24ifQ",
            "ET3Yq9cGlqpI2c5lDyGGbKbO5-IJ7LdC372dgc71zSI",
        ];
        assert_eq!(token, expected.join("."));
        assert_eq!(signer.successor(&id).0, "8wzPXF-FUs2I5bJ9rygQ5Q");
        assert_eq!(signer.access_id(&id).0, "uT37CR6h84bD7MBZU7sl1Q");
        assert_eq!(URL_SAFE_NO_PAD.encode(signer.hash(&id).0), "XRvXKvDKUD4hzcCB_nlOXwG23PA33DRbStOwJS6FsWA");
    }
}
