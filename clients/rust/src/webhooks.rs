use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

/// The bytes of a secret.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// How far the time of a message may be from now.
const TOLERANCE: Duration = Duration::from_secs(300);

/// The most digits of a timestamp.
const MAX_DIGITS: usize = 12;

/// Why a webhook message must not be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookError {
    /// The secret is not `whsec_` and 24 to 64 bytes in base64.
    Secret,
    /// A header is missing or malformed.
    Header,
    /// The message was sent more than five minutes ago, or one of the clocks is wrong.
    Timestamp,
    /// No signature is that of the secret, or the message was changed.
    Signature,
}

impl std::fmt::Display for WebhookError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Secret => "the secret is malformed",
            Self::Header => "a webhook header is missing or malformed",
            Self::Timestamp => "the message is too old, or a clock is wrong",
            Self::Signature => "no signature matches",
        })
    }
}

impl std::error::Error for WebhookError {}

/// Verifies that a webhook message is authentic and recent. `secret` is that of the webhook,
/// `whsec_…`; `body` is exactly what was received, before any parsing.
pub fn verify_webhook(secret: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), WebhookError> {
    verify_at(secret, headers, body, SystemTime::now())
}

fn verify_at(secret: &str, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<(), WebhookError> {
    let key = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = key.filter(|key| KEY_LENGTHS.contains(&key.len())).ok_or(WebhookError::Secret)?;
    let id = header(headers, "webhook-id")?;
    let timestamp = header(headers, "webhook-timestamp")?;
    let signatures = header(headers, "webhook-signature")?;
    let sent = seconds(timestamp).ok_or(WebhookError::Header)?;
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if now.abs_diff(sent) > TOLERANCE.as_secs() {
        return Err(WebhookError::Timestamp);
    }
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let is_valid = |signature: &str| {
        let found = signature.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok());
        // Compares in constant time.
        found.is_some_and(|found| hmac::verify(&key, &signed, &found).is_ok())
    };
    if signatures.split(' ').any(is_valid) { Ok(()) } else { Err(WebhookError::Signature) }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, WebhookError> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.filter(|value| !value.is_empty()).ok_or(WebhookError::Header)
}

fn seconds(text: &str) -> Option<u64> {
    let is_number = text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        secret: String,
        headers: HashMap<String, String>,
        body: String,
        now: u64,
        error: Option<String>,
    }

    impl Case {
        fn headers(&self) -> HeaderMap {
            (&self.headers).try_into().unwrap()
        }
    }

    fn cases() -> Vec<Case> {
        #[derive(Deserialize)]
        struct File {
            cases: Vec<Case>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../webhooks.json");
        let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        file.cases
    }

    #[test]
    fn a_message_is_accepted_only_if_it_is_authentic_and_recent() {
        for case in cases() {
            let expected = case.error.as_deref().map_or(Ok(()), |error| {
                Err(match error {
                    "secret" => WebhookError::Secret,
                    "header" => WebhookError::Header,
                    "timestamp" => WebhookError::Timestamp,
                    "signature" => WebhookError::Signature,
                    other => panic!("unknown error {other}"),
                })
            });
            let now = UNIX_EPOCH + Duration::from_secs(case.now);
            let found = verify_at(&case.secret, &case.headers(), case.body.as_bytes(), now);
            assert_eq!(found, expected, "{}", case.name);
        }
    }

    #[test]
    fn a_message_of_long_ago_is_refused_by_the_clock_of_the_machine() {
        let case = &cases()[0];
        let found = verify_webhook(&case.secret, &case.headers(), case.body.as_bytes());
        assert_eq!(found, Err(WebhookError::Timestamp));
    }
}
