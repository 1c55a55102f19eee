//! What is sent.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use groundwork_clock::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::secret::RandomUnavailable;

/// The longest ID.
const MAX_ID: usize = 64;

/// The ID of an event: the header `webhook-id`, the same in every attempt, by which a receiver
/// knows what it has already processed. 1 to 64 characters of `A-Z a-z 0-9 - _`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId(String);

/// The text is not the ID of an event.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to 64 characters of A-Z a-z 0-9 - _")]
pub struct InvalidEventId;

impl EventId {
    /// A new ID, such as `msg_bGVmdHJpZ2h0bGVmdHJpZw`.
    pub fn generate() -> Result<Self, RandomUnavailable> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(RandomUnavailable)?;
        Ok(Self(format!("msg_{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// From its text. A dot would make the signed content ambiguous.
    pub fn parse(text: &str) -> Result<Self, InvalidEventId> {
        let is_permitted = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_valid = (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_permitted);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(InvalidEventId) }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something that happened, for the endpoints that subscribe to it.
#[derive(Clone, Debug)]
pub struct Event {
    /// The same in every attempt.
    pub id: EventId,
    /// Such as `user.created`.
    pub kind: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What happened.
    pub data: Value,
}

/// The body of a message.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: &'a Value,
}

impl Event {
    /// `{"type": …, "timestamp": …, "data": …}`, the same bytes each time.
    pub(crate) fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Body { r#type: &self.kind, timestamp: self.timestamp, data: &self.data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_each_time_and_has_no_dot() {
        let id = EventId::generate().unwrap();
        assert_eq!(EventId::parse(id.as_str()).unwrap(), id);
        assert_ne!(EventId::generate().unwrap(), id);
        for text in ["", "a.b", "a b", "a\n", "é", &"a".repeat(65)] {
            assert!(EventId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_body_has_type_timestamp_and_data() {
        let event = Event {
            id: EventId::parse("msg_1").unwrap(),
            kind: "user.created".to_owned(),
            timestamp: "2026-01-31T09:30:00Z".parse().unwrap(),
            data: serde_json::json!({"id": 1, "email": "ada@example.com"}),
        };
        let body = String::from_utf8(event.body().unwrap()).unwrap();
        let expected = r#"{"type":"user.created","timestamp":"2026-01-31T09:30:00Z","data":{"id":1,"email":"ada@example.com"}}"#;
        // The order of the data is serde_json's, which a feature decides.
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            serde_json::from_str::<Value>(expected).unwrap()
        );
        assert!(
            body.starts_with(r#"{"type":"user.created","timestamp":"2026-01-31T09:30:00Z","data":{"#),
            "{body}"
        );
    }
}
