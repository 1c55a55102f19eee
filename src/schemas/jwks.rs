//! Public keys.

use groundwork_auth::PublicKey;
use poem_openapi::Object;
use serde::Serialize;

/// Public keys: a JSON Web Key Set.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct Jwks {
    /// The keys, that of new tokens first.
    pub keys: Vec<Jwk>,
}

/// A public key: a JSON Web Key.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct Jwk {
    /// The ID of the key, the `kid` of its tokens: its RFC 7638 thumbprint.
    #[oai(validator(max_length = 43))]
    pub kid: String,
    /// The type of the key: `EC` or `OKP`.
    #[oai(validator(max_length = 3))]
    pub kty: String,
    /// The curve: `P-256` or `Ed25519`.
    #[oai(validator(max_length = 7))]
    pub crv: String,
    /// The algorithm of its tokens: `ES256` or `EdDSA`.
    #[oai(validator(max_length = 5))]
    pub alg: String,
    /// What the key is for: `sig`, signatures.
    #[oai(rename = "use", validator(max_length = 3))]
    #[serde(rename = "use")]
    pub usage: String,
    /// The x coordinate of the key, or the whole key of Ed25519, in base64url.
    #[oai(validator(max_length = 43))]
    pub x: String,
    /// The y coordinate of the key, in base64url. Keys of Ed25519 have none.
    #[oai(skip_serializing_if_is_none, validator(max_length = 43))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

impl Jwks {
    pub fn of(keys: Vec<PublicKey>) -> Self {
        Self { keys: keys.into_iter().map(Jwk::from).collect() }
    }
}

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        Self {
            kty: key.key_type().to_owned(),
            crv: key.curve().to_owned(),
            alg: key.algorithm.name().to_owned(),
            usage: "sig".to_owned(),
            kid: key.id,
            x: key.x,
            y: key.y,
        }
    }
}

example!(Jwks { keys: vec![Jwk::example()] });

example!(Jwk {
    kid: "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U".to_owned(),
    kty: "EC".to_owned(),
    crv: "P-256".to_owned(),
    alg: "ES256".to_owned(),
    usage: "sig".to_owned(),
    x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".to_owned(),
    y: Some("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".to_owned()),
});
