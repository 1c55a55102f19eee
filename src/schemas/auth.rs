//! Log-in, tokens and registration.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use secrecy::ExposeSecret;
use serde::Serialize;

use serde_json::{Map, Value};

use super::common::{LoginEmail, check_new_texts};
use crate::core::email::Email;
use crate::core::security::password::{Password, PasswordAttempt};
use crate::core::text::FullName;
use crate::services::auth::TokenPair as Pair;
use crate::web::error::FieldError;
use crate::web::extract::RequestSchema;

/// Fields of an account that its owner cannot set.
pub(super) const PRIVILEGED: &[&str] = &["id", "is_active", "is_superuser", "is_verified", "role"];

/// An account to be opened.
#[derive(Object, Debug)]
pub struct RegisterRequest {
    /// The address, in any spelling: case, surrounding spaces and width are normalised.
    pub email: Email,
    /// 8 to 128 characters, at most 72 bytes in UTF-8 (the limit of bcrypt), no NUL.
    pub password: Password,
    /// The person's name.
    pub full_name: Option<FullName>,
}

impl RequestSchema for RegisterRequest {
    const REFUSED: &'static [&'static str] = PRIVILEGED;

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check_new_texts(body)
    }
}

/// The credentials of an account.
#[derive(Object, Debug)]
pub struct LoginRequest {
    /// The address, in any spelling.
    pub email: LoginEmail,
    /// The password.
    pub password: PasswordAttempt,
}

impl RequestSchema for LoginRequest {}

/// A refresh token to be exchanged.
#[derive(Object)]
#[oai(example)]
pub struct RefreshRequest {
    /// The `refresh_token` of the last log-in or refresh.
    #[oai(validator(min_length = 1, max_length = 4096))]
    pub refresh_token: String,
}

impl RequestSchema for RefreshRequest {}

impl Example for RefreshRequest {
    fn example() -> Self {
        Self { refresh_token: TokenPair::example().refresh_token }
    }
}

/// How a token is sent.
#[derive(Enum, Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum TokenType {
    /// As `Authorization: Bearer <token>`.
    Bearer,
}

/// What a client holds while it is logged in.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct TokenPair {
    /// Sent with every request.
    pub access_token: String,
    /// Exchanged once for the next pair.
    pub refresh_token: String,
    /// How the access token is sent.
    pub token_type: TokenType,
    /// Seconds until the access token ends.
    #[oai(validator(minimum(value = "1")))]
    pub expires_in: i64,
}

impl From<Pair> for TokenPair {
    fn from(pair: Pair) -> Self {
        Self {
            access_token: pair.access_token.expose_secret().to_owned(),
            refresh_token: pair.refresh_token.expose_secret().to_owned(),
            token_type: TokenType::Bearer,
            expires_in: i64::try_from(pair.expires_in.as_secs()).unwrap_or(i64::MAX),
        }
    }
}

impl Example for TokenPair {
    fn example() -> Self {
        Self {
            access_token: "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl".to_owned(),
            refresh_token: "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl".to_owned(),
            token_type: TokenType::Bearer,
            expires_in: 1800,
        }
    }
}
