//! The check of an access token: HS256, its kind and its time.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 5;

/// Who is calling, and in which session.
pub struct Claims {
    pub user: i64,
    pub session: Vec<u8>,
    pub now_micros: i64,
}

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
}

#[derive(Deserialize)]
struct Raw<'a> {
    sub: &'a str,
    exp: i64,
    iat: i64,
    #[serde(rename = "type")]
    kind: &'a str,
    sid: &'a str,
}

pub struct Verifier(hmac::Key);

impl Verifier {
    pub fn new(secret: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    pub fn verify(&self, token: &str) -> Option<Claims> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        hmac::verify(&self.0, message.as_bytes(), &decode(signature)?).ok()?;
        let (header, payload) = (decode(header)?, decode(payload)?);
        if serde_json::from_slice::<Header>(&header).ok()?.alg != "HS256" {
            return None;
        }
        let raw: Raw = serde_json::from_slice(&payload).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let seconds = i64::try_from(now.as_secs()).ok()?;
        let is_good = raw.kind == "access" && raw.exp > seconds - LEEWAY && raw.iat <= seconds + LEEWAY;
        if !is_good {
            return None;
        }
        let now_micros = i64::try_from(now.as_micros()).ok()?;
        Some(Claims { user: raw.sub.parse().ok()?, session: decode(raw.sid)?, now_micros })
    }
}
