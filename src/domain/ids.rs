//! IDs. Each has a type of its own, so that they cannot be confused.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use groundwork_values::InvalidId;
use groundwork_values::id_type;
use serde::{Serialize, Serializer};

use super::api_keys::ApiKeyId;

id_type! {
    /// The ID of a user: positive, assigned by the database, never reused.
    pub struct UserId;
}

id_type! {
    /// The ID of a job: positive, assigned by the database, never reused.
    pub struct JobId;
}

/// The ID of a session: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

impl SessionId {
    pub fn random() -> Result<Self, NoRandomness> {
        random_bytes().map(Self)
    }
}

/// The `sid` of tokens, in base64url.
impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// As it is stored.
impl TryFrom<Vec<u8>> for SessionId {
    type Error = InvalidId;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| InvalidId)
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for SessionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            _ => Err(InvalidId),
        }
    }
}

/// What a request is authenticated by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The access token of a login.
    Session(SessionId),
    ApiKey(ApiKeyId),
}

impl Credential {
    pub fn session(self) -> Option<SessionId> {
        if let Self::Session(id) = self { Some(id) } else { None }
    }

    pub fn api_key(self) -> Option<ApiKeyId> {
        if let Self::ApiKey(id) = self { Some(id) } else { None }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the operating system's random source failed")]
pub struct NoRandomness;

/// Bytes from the operating system's random source.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_form_of_a_session_id_is_parsed() {
        let id = SessionId::random().unwrap();
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        for text in ["", "AAAA", &"A".repeat(23), "!!!!!!!!!!!!!!!!!!!!!!", &"A".repeat(1000)] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }
}
