//! Types that several resources share.

use groundwork_web::error::FieldError;
use serde_json::{Map, Value};

use crate::domain::email::Email;
use crate::domain::text::FullName;

/// What a client sends as the token of a link.
#[derive(Clone, Debug)]
pub struct TokenText(pub String);

/// The email of a login, which may be one that new users can no longer have.
#[derive(Clone, Debug)]
pub struct LoginEmail(pub Email);

/// Rules for new emails and names that the document's schemas do not state, because existing users
/// may break them.
pub(super) fn check_email_and_name(body: &Map<String, Value>) -> Vec<FieldError> {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let email = text("email").and_then(|text| Email::parse(text).err()).map(|reason| ("email", reason));
    let name =
        text("full_name").and_then(|text| FullName::parse(text).err()).map(|reason| ("full_name", reason));
    let errors = email.into_iter().chain(name);
    errors.map(|(field, reason)| FieldError::new(field, "format", reason.to_string())).collect()
}
