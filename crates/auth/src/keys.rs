//! The keys of tokens: secrets, and private keys whose public halves others may have.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::{self, PemObject};
use secrecy::{ExposeSecret, SecretString};

use crate::cache::VerifiedTokenCache;
use crate::ids::digest_of;
use crate::tokens::InvalidToken;

/// The private keys that sign tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518, 3.4).
    Es256,
    /// Ed25519 (RFC 8037, 3.1).
    EdDsa,
}

impl KeyAlgorithm {
    /// The name in headers of tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A file has no private key that can sign tokens.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKey {
    /// It has no `-----BEGIN PRIVATE KEY-----`.
    #[error("it must be a private key in PKCS #8, as PEM")]
    NotPem(#[source] pem::Error),
    /// It is of another type, such as RSA or another curve.
    #[error("it must be a key of P-256 or Ed25519")]
    Unsupported,
    /// It is one of the other algorithm.
    #[error("it is a key for {actual}, not for {expected}")]
    WrongAlgorithm {
        /// What its algorithm is.
        actual: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// A public key, as the members of a JSON Web Key (RFC 7517, RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The RFC 7638 thumbprint.
    pub id: String,
    /// What it verifies.
    pub algorithm: KeyAlgorithm,
    /// The x coordinate, or the whole key of Ed25519, in base64url.
    pub x: String,
    /// The y coordinate of a key of P-256.
    pub y: Option<String>,
}

impl PublicKey {
    /// `kty`.
    pub fn key_type(&self) -> &'static str {
        match self.algorithm {
            KeyAlgorithm::Es256 => "EC",
            KeyAlgorithm::EdDsa => "OKP",
        }
    }

    /// `crv`.
    pub fn curve(&self) -> &'static str {
        match self.algorithm {
            KeyAlgorithm::Es256 => "P-256",
            KeyAlgorithm::EdDsa => "Ed25519",
        }
    }

    fn new(algorithm: KeyAlgorithm, x: &[u8], y: Option<&[u8]>) -> Self {
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), y.map(|y| URL_SAFE_NO_PAD.encode(y)));
        let key = Self { id: String::new(), algorithm, x, y };
        Self { id: key.thumbprint(), ..key }
    }

    /// The hash of the required members in lexicographic order (RFC 7638, 3).
    fn thumbprint(&self) -> String {
        let (crv, kty, x) = (self.curve(), self.key_type(), &self.x);
        let y = self.y.as_ref().map(|y| format!(r#","y":"{y}""#)).unwrap_or_default();
        let members = format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"{y}}}"#);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
    }
}

/// A key with the one algorithm that it is used with (RFC 8725, 3.1).
pub(crate) struct Key {
    /// The key's public name: it changes with the key and reveals nothing about it.
    pub id: String,
    pub algorithm: Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    pub public: Option<PublicKey>,
}

impl Key {
    pub fn from_secret(domain: &str, secret: &SecretString) -> Self {
        let secret = secret.expose_secret();
        Self {
            id: URL_SAFE_NO_PAD.encode(&digest_of(domain, "key id", secret).as_ref()[..6]),
            algorithm: Algorithm::HS256,
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            public: None,
        }
    }

    /// A private key in PKCS #8, as PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidKey> {
        Self::from_der(&PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(InvalidKey::NotPem)?)
    }

    /// All private keys of a file; an empty file has none.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, InvalidKey> {
        let keys = PrivatePkcs8KeyDer::pem_slice_iter(pem)
            .map(|der| Self::from_der(&der.map_err(InvalidKey::NotPem)?))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() && !pem.trim_ascii().is_empty() {
            return Err(InvalidKey::NotPem(pem::Error::NoItemsFound));
        }
        Ok(keys)
    }

    fn from_der(der: &PrivatePkcs8KeyDer<'_>) -> Result<Self, InvalidKey> {
        let der = der.secret_pkcs8_der();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            let point = pair.public_key().as_ref();
            // 4 stands for uncompressed; then both coordinates.
            let (_, coordinates) = point.split_at(1);
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            return Ok(Self::of_pair(
                PublicKey::new(KeyAlgorithm::Es256, x, Some(y)),
                Algorithm::ES256,
                EncodingKey::from_ec_der(der),
                DecodingKey::from_ec_der(point),
            ));
        }
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| InvalidKey::Unsupported)?;
        let public = pair.public_key().as_ref();
        Ok(Self::of_pair(
            PublicKey::new(KeyAlgorithm::EdDsa, public, None),
            Algorithm::EdDSA,
            EncodingKey::from_ed_der(der),
            DecodingKey::from_ed_der(public),
        ))
    }

    fn of_pair(
        public: PublicKey,
        algorithm: Algorithm,
        encoding: EncodingKey,
        decoding: DecodingKey,
    ) -> Self {
        Self { id: public.id.clone(), algorithm, encoding, decoding, public: Some(public) }
    }

    /// Refuses a key of another algorithm.
    pub fn expecting(self, expected: KeyAlgorithm) -> Result<Self, InvalidKey> {
        match self.public.as_ref().map(|public| public.algorithm) {
            Some(actual) if actual != expected => {
                Err(InvalidKey::WrongAlgorithm { actual: actual.name(), expected: expected.name() })
            }
            _ => Ok(self),
        }
    }

    pub fn verify<T: serde::de::DeserializeOwned>(&self, token: &str) -> Result<T, InvalidToken> {
        let mut validation = Validation::new(self.algorithm);
        // These are checked on each use of a token, with the service's clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let decoded = jsonwebtoken::decode(token, &self.decoding, &validation);
        Ok(decoded.map_err(|_| InvalidToken("signature or claims"))?.claims)
    }
}

/// The keys of a moment: the first one signs, all verify.
pub(crate) struct KeySet {
    pub header: Header,
    keys: Vec<Key>,
    /// A token whose key is gone is cached nowhere: another set has another cache.
    pub cache: VerifiedTokenCache,
}

impl KeySet {
    pub fn new(current: Key, previous: impl IntoIterator<Item = Key>) -> Self {
        let header = Header { kid: Some(current.id.clone()), ..Header::new(current.algorithm) };
        let mut keys = vec![current];
        for key in previous {
            if keys.iter().all(|known| known.id != key.id) {
                keys.push(key);
            }
        }
        Self { header, keys, cache: VerifiedTokenCache::default() }
    }

    pub fn sign(&self, claims: &impl serde::Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let [current, ..] = &*self.keys else {
            return Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into());
        };
        jsonwebtoken::encode(&self.header, claims, &current.encoding)
    }

    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.iter().filter_map(|key| key.public.clone()).collect()
    }

    /// The key that a header chooses. It may choose by `kid` and nothing else: no other algorithm
    /// than that of the key, and no key or address of a key that the token brings along (RFC 8725,
    /// 3.1 and 3.10).
    pub fn key_for(&self, header: &Header) -> Result<&Key, InvalidToken> {
        let Header { jku, jwk, x5u, x5c, crit, enc, .. } = header;
        let has_key = jku.is_some() || jwk.is_some() || x5u.is_some() || x5c.is_some();
        if has_key || crit.is_some() || enc.is_some() {
            return Err(InvalidToken("header brings a key"));
        }
        let matches = |key: &&Key| header.kid.as_ref().is_none_or(|id| *id == key.id);
        let key = self.keys.iter().find(matches).ok_or(InvalidToken("unknown key"))?;
        if header.alg == key.algorithm { Ok(key) } else { Err(InvalidToken("algorithm")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8037, A.1 to A.3.
    #[test]
    fn the_id_of_a_key_is_its_thumbprint() {
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
        let public = Key::from_pem(pem.as_bytes()).unwrap().public.unwrap();
        assert_eq!(public.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(public.id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!((public.key_type(), public.curve(), public.y), ("OKP", "Ed25519", None));
    }

    #[test]
    fn other_keys_and_other_files_are_refused() {
        for text in [
            "",
            "no key",
            "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(Key::from_pem(text.as_bytes()).is_err(), "{text}");
            assert_eq!(Key::all_from_pem(text.as_bytes()).is_ok(), text.is_empty(), "{text}");
        }
    }
}
