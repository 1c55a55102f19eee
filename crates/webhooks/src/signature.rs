//! The signature of a message.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundwork_clock::Timestamp;

use crate::event::EventId;
use crate::secret::Secret;

/// How long the previous secret signs beside the new one, so that the receiver can change to the
/// new one without refusing a message.
pub const ROTATION: Duration = Duration::from_hours(24);

/// The secrets of an endpoint.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    current: Secret,
    previous: Option<(Secret, Timestamp)>,
}

impl SigningKeys {
    /// One secret.
    pub fn new(current: Secret) -> Self {
        Self { current, previous: None }
    }

    /// `current`, and for [`ROTATION`] from `rotated_at` also `previous`.
    pub fn rotated(current: Secret, previous: Secret, rotated_at: Timestamp) -> Self {
        Self { current, previous: Some((previous, rotated_at.plus(ROTATION))) }
    }

    /// The header `webhook-signature`: one signature per secret that is in use at `at`, separated by
    /// spaces. `at` is the header `webhook-timestamp`.
    pub(crate) fn sign(&self, id: &EventId, at: Timestamp, body: &[u8]) -> String {
        let mut signatures = sign(&self.current, id, at, body);
        if let Some((previous, until)) = &self.previous
            && at < *until
        {
            signatures.push(' ');
            signatures.push_str(&sign(previous, id, at, body));
        }
        signatures
    }
}

fn sign(secret: &Secret, id: &EventId, at: Timestamp, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.bytes()));
    context.update(format!("{}.{}.", id.as_str(), at.seconds()).as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::parse(text).unwrap()
    }

    const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    /// The example of the libraries of Standard Webhooks.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let id = EventId::parse("msg_p5jXN8AQM9LWM0D4loKWxJek").unwrap();
        let at = Timestamp::from_seconds(1_614_265_330);
        let header = SigningKeys::new(secret(NEW)).sign(&id, at, br#"{"test": 2432232314}"#);
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_previous_secret_signs_beside_the_new_one_for_a_day() {
        let id = EventId::parse("msg_1").unwrap();
        let rotated_at = Timestamp::from_seconds(1_700_000_000);
        let keys = SigningKeys::rotated(secret(NEW), secret(OLD), rotated_at);
        let both = |at| [NEW, OLD].map(|text| SigningKeys::new(secret(text)).sign(&id, at, b"{}")).join(" ");
        assert_eq!(keys.sign(&id, rotated_at, b"{}"), both(rotated_at));
        let last = Timestamp::from_seconds(rotated_at.seconds() + 86_399);
        assert_eq!(keys.sign(&id, last, b"{}"), both(last));
        let over = rotated_at.plus(ROTATION);
        assert_eq!(keys.sign(&id, over, b"{}"), SigningKeys::new(secret(NEW)).sign(&id, over, b"{}"));
    }
}
