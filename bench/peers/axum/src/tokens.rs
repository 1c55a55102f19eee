//! Access and refresh tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::answers::Problem;

pub const ACCESS_LIFETIME: Duration = Duration::minutes(30);
pub const REFRESH_LIFETIME: Duration = Duration::days(7);
const LEEWAY: i64 = 5;

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Access,
    Refresh,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    iat: i64,
    #[serde(rename = "type")]
    kind: Kind,
    jti: String,
    sid: String,
}

pub struct Verified {
    pub user: i64,
    pub session: Vec<u8>,
    pub id: String,
}

#[derive(Serialize)]
pub struct Pair {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: i64,
}

pub struct Tokens {
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    pub fn new(secret: &str) -> Self {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(URL_SAFE_NO_PAD.encode(&digest("groundwork key id", secret)[..6]));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY.unsigned_abs();
        validation.validate_nbf = true;
        Self {
            header,
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            validation,
        }
    }

    pub fn verify(&self, token: &str, kind: Kind) -> Result<Verified, Problem> {
        let invalid = |_| Problem::InvalidToken;
        let token =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).map_err(invalid)?;
        let claims = token.claims;
        let known = token.header.kid.is_none() || token.header.kid == self.header.kid;
        let issued = claims.iat <= OffsetDateTime::now_utc().unix_timestamp() + LEEWAY;
        if claims.kind != kind || !known || !issued {
            return Err(Problem::InvalidToken);
        }
        Ok(Verified {
            user: claims.sub.parse().map_err(|_| Problem::InvalidToken)?,
            session: URL_SAFE_NO_PAD.decode(claims.sid).map_err(|_| Problem::InvalidToken)?,
            id: claims.jti,
        })
    }

    /// The access token's id follows from the refresh token's.
    pub fn pair(
        &self,
        user: i64,
        session: &[u8],
        id: String,
        issued: OffsetDateTime,
    ) -> Result<Pair, Problem> {
        let sign = |kind, jti, lifetime: Duration| {
            let claims = Claims {
                sub: user.to_string(),
                exp: (issued + lifetime).unix_timestamp(),
                iat: issued.unix_timestamp(),
                kind,
                jti,
                sid: URL_SAFE_NO_PAD.encode(session),
            };
            jsonwebtoken::encode(&self.header, &claims, &self.encoding).map_err(Problem::inside)
        };
        Ok(Pair {
            access_token: sign(Kind::Access, derived("groundwork access", &id), ACCESS_LIFETIME)?,
            refresh_token: sign(Kind::Refresh, id, REFRESH_LIFETIME)?,
            token_type: "bearer",
            expires_in: ACCESS_LIFETIME.whole_seconds(),
        })
    }
}

/// A new id of a refresh token.
pub fn random_id() -> Result<String, Problem> {
    Ok(URL_SAFE_NO_PAD.encode(random()?))
}

/// The id of the one refresh token that follows this one.
pub fn successor(id: &str) -> String {
    derived("groundwork successor", id)
}

/// What the database keeps instead of a refresh token.
pub fn hash(id: &str) -> [u8; 32] {
    digest("groundwork token", id)
}

pub fn random() -> Result<[u8; 16], Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Problem::inside)?;
    Ok(bytes)
}

fn derived(purpose: &str, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest(purpose, id)[..16])
}

fn digest(purpose: &str, text: &str) -> [u8; 32] {
    Sha256::digest(format!("{purpose}\0{text}")).into()
}
