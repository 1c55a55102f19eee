//! Access and refresh tokens: JWTs signed with HS256 (RFC 7519, RFC 8725).

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use groundwork_clock::{Clock, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::cache::VerifiedTokenCache;
use crate::ids::{TokenId, digest_of};

/// How far the clocks of two instances may differ: a token is accepted this long after its `exp`
/// and before its `iat`.
pub const LEEWAY: Duration = Duration::from_secs(5);

/// The longest token that is parsed, in bytes; one that is signed here has about 300.
const MAX_TOKEN_BYTES: usize = 2048;

const ALGORITHM: Algorithm = Algorithm::HS256;

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

struct Key {
    /// The key's public name: it changes with the key and reveals nothing about it.
    id: String,
    decoding: DecodingKey,
}

/// Signs with the current key; verifies with it and the previous ones.
pub struct TokenSigner {
    pub(crate) domain: &'static str,
    header: Header,
    encoding: EncodingKey,
    /// The current key first.
    keys: Vec<Key>,
    validation: Validation,
    cache: VerifiedTokenCache,
    clock: Clock,
}

impl TokenSigner {
    /// Times are read from `clock`.
    pub fn new(TokenKeys { domain, current, previous }: TokenKeys<'_>, clock: Clock) -> Self {
        let key = |secret: &SecretString| {
            let secret = secret.expose_secret();
            let id = URL_SAFE_NO_PAD.encode(&digest_of(domain, "key id", secret).as_ref()[..6]);
            Key { id, decoding: DecodingKey::from_secret(secret.as_bytes()) }
        };
        let keys: Vec<Key> = std::iter::once(current).chain(previous).map(key).collect();
        let header = Header { kid: keys.first().map(|key| key.id.clone()), ..Header::new(ALGORITHM) };
        let encoding = EncodingKey::from_secret(current.expose_secret().as_bytes());
        let mut validation = Validation::new(ALGORITHM);
        // `check_times` reads the service's clock, and also runs for cached tokens.
        validation.validate_exp = false;
        // No token names an audience.
        validation.validate_aud = false;
        Self { domain, header, encoding, keys, validation, cache: VerifiedTokenCache::default(), clock }
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
        };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding).map_err(SigningFailed)
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
        let cached = if is_reused { self.cache.get(token) } else { None };
        let is_new = is_reused && cached.is_none();
        let claims = cached.map_or_else(|| self.verify_signature(token), Ok)?;
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
            self.cache.insert(token, claims);
        }
        Ok(accepted)
    }

    /// Checks what does not change while the process runs.
    fn verify_signature(&self, token: &str) -> Result<Arc<Claims>, InvalidToken> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken("malformed header"))?;
        let key = self.key_for(&header)?;
        let decoded = jsonwebtoken::decode(token, &key.decoding, &self.validation)
            .map_err(|_| InvalidToken("signature or claims"))?;
        Ok(Arc::new(decoded.claims))
    }

    /// The key that a header chooses. It may choose by `kid` and nothing else: no other algorithm,
    /// and no key or address of a key that the token brings along (RFC 8725, 3.1 and 3.10).
    fn key_for(&self, header: &Header) -> Result<&Key, InvalidToken> {
        if header.alg != ALGORITHM {
            return Err(InvalidToken("algorithm"));
        }
        let Header { jku, jwk, x5u, x5c, crit, enc, .. } = header;
        let has_key = jku.is_some() || jwk.is_some() || x5u.is_some() || x5c.is_some();
        if has_key || crit.is_some() || enc.is_some() {
            return Err(InvalidToken("header brings a key"));
        }
        let matches = |key: &&Key| header.kid.as_ref().is_none_or(|id| *id == key.id);
        self.keys.iter().find(matches).ok_or(InvalidToken("unknown key"))
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
        assert!(restarted.cache.get(&token).is_none());
    }

    #[test]
    fn only_accepted_access_tokens_are_cached() {
        let signer = signer(&[KEY], &Clock::default());
        let [access, refresh] = [TokenKind::Access, TokenKind::Refresh].map(|kind| sign(&signer, kind));
        assert!(verify(&signer, &refresh, TokenKind::Refresh).is_ok());
        for (token, kind) in [(&refresh, TokenKind::Access), (&access, TokenKind::Refresh)] {
            assert!(verify(&signer, token, kind).is_err());
        }
        assert!(signer.cache.get(&access).is_none() && signer.cache.get(&refresh).is_none());
        let verified = verify(&signer, &access, TokenKind::Access).unwrap();
        assert!(signer.cache.get(&access).is_some());
        assert_eq!(verify(&signer, &access, TokenKind::Access).unwrap(), verified);
        assert!(verify(&signer, &access, TokenKind::Refresh).is_err());
    }

    #[test]
    fn the_cache_evicts_the_least_recently_used_of_4096_tokens() {
        let signer = signer(&[KEY], &Clock::default());
        let claims = signer.verify_signature(&sign(&signer, TokenKind::Access)).unwrap();
        for number in 0..=4096 {
            signer.cache.insert(&number.to_string(), claims.clone());
            assert!(signer.cache.get("0").is_some());
        }
        assert!(signer.cache.get("1").is_none() && signer.cache.get("2").is_some());
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
        let named = with_header(&format!(r#"{{"kid":"{}","alg":"HS256"}}"#, current.keys[0].id));
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
