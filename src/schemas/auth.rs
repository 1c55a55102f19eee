//! Registration, login and tokens.

use groundwork_web::error::FieldError;
use groundwork_web::extract::RequestSchema;
use poem_openapi::{Enum, Object};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Map, Value};

use super::common::{LoginEmail, check_email_and_name};
use super::users::ProfileCreate;
use crate::domain::email::Email;
use crate::domain::password::{Password, PasswordAttempt};
use crate::domain::permissions::UserRole;
use crate::models::users::NewUser;
use crate::services::auth::IssuedTokens;

/// Fields of a user that only a superuser can set.
pub(super) const PRIVILEGED: &[&str] = &["id", "is_active", "is_superuser", "is_verified", "role"];

/// The user to register.
#[derive(Object, Debug)]
pub struct RegisterRequest {
    /// The email address. Case, surrounding spaces and character width are normalized.
    pub email: Email,
    /// 8 to 128 characters, at most 72 bytes in UTF-8 (the limit of bcrypt), without NUL.
    pub password: Password,
    #[oai(flatten)]
    pub profile: ProfileCreate,
}

impl RequestSchema for RegisterRequest {
    const REFUSED: &'static [&'static str] = PRIVILEGED;

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check_email_and_name(body)
    }
}

impl RegisterRequest {
    /// The user, without rights, and its password.
    pub fn into_parts(self) -> (NewUser, Password) {
        let Self { email, password, profile } = self;
        let profile = profile.into();
        let user = NewUser { email, profile, is_active: true, role: UserRole::User, is_verified: false };
        (user, password)
    }
}

/// The credentials of a user.
#[derive(Object, Debug)]
pub struct LoginRequest {
    /// The user's email address, normalized like at registration.
    pub email: LoginEmail,
    /// The user's password.
    pub password: PasswordAttempt,
}

impl RequestSchema for LoginRequest {}

/// The refresh token to exchange.
#[derive(Object)]
#[oai(example)]
pub struct RefreshRequest {
    /// The `refresh_token` of the last login or refresh.
    #[oai(validator(min_length = 1, max_length = 4096))]
    pub refresh_token: String,
}

impl RequestSchema for RefreshRequest {}

example!(RefreshRequest { refresh_token: TokenPair::example().refresh_token });

/// The type of an access token.
#[derive(Enum, Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum TokenType {
    /// Sent as `Authorization: Bearer <token>`.
    Bearer,
}

/// The tokens of a session.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct TokenPair {
    /// The access token, to send with every request.
    pub access_token: String,
    /// The refresh token, to exchange once for the next pair of tokens.
    pub refresh_token: String,
    /// The type of the access token.
    pub token_type: TokenType,
    /// The number of seconds until the access token expires.
    #[oai(validator(minimum(value = "1")))]
    pub expires_in: i64,
}

impl From<IssuedTokens> for TokenPair {
    fn from(tokens: IssuedTokens) -> Self {
        Self {
            access_token: tokens.access_token.expose_secret().to_owned(),
            refresh_token: tokens.refresh_token.expose_secret().to_owned(),
            token_type: TokenType::Bearer,
            expires_in: i64::try_from(tokens.expires_in.as_secs()).unwrap_or(i64::MAX),
        }
    }
}

example!(TokenPair {
    access_token: "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl".to_owned(),
    refresh_token: "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl".to_owned(),
    token_type: TokenType::Bearer,
    expires_in: 1800,
});
