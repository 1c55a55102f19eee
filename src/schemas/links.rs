//! What the links in mails do, and how to get one.

use groundwork_web::error::FieldError;
use groundwork_web::extract::RequestSchema;
use poem_openapi::Object;
use serde_json::{Map, Value};

use super::auth::PRIVILEGED;
use super::common::{LoginEmail, TokenText, check_email_and_name};
use crate::domain::email::Email;
use crate::domain::password::{Password, PasswordAttempt};

/// The token of a link.
#[derive(Object)]
pub struct LinkToken {
    /// The `token` of the link in the mail.
    pub token: TokenText,
}

impl RequestSchema for LinkToken {}

/// The token of a link and a new password.
#[derive(Object)]
pub struct PasswordReset {
    /// The `token` of the link in the mail.
    pub token: TokenText,
    /// The new password: 8 to 128 characters, at most 72 bytes in UTF-8 (the limit of bcrypt),
    /// without NUL.
    pub password: Password,
}

impl RequestSchema for PasswordReset {}

/// The address to send a link to.
#[derive(Object, Debug)]
pub struct LinkRequest {
    /// The user's email address, normalized like at registration.
    pub email: LoginEmail,
}

impl RequestSchema for LinkRequest {}

/// The new address of the current user.
#[derive(Object, Debug)]
pub struct EmailChange {
    /// The new email address. Case, surrounding spaces and character width are normalized.
    pub email: Email,
    /// The current password.
    pub current_password: PasswordAttempt,
}

impl RequestSchema for EmailChange {
    const REFUSED: &'static [&'static str] = PRIVILEGED;

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check_email_and_name(body)
    }
}
