//! What several resources share.

use serde_json::{Map, Value};

use crate::core::email::Email;
use crate::core::text::FullName;
use crate::web::error::FieldError;

/// The address that a client logs in with: also one that would not be taken for a new account any more.
#[derive(Clone, Debug)]
pub struct LoginEmail(pub Email);

/// The rules of new emails and names that the document's schema does not state, because accounts may have others from before.
pub(super) fn check_new_texts(body: &Map<String, Value>) -> Vec<FieldError> {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let email = text("email").and_then(|text| Email::parse(text).err()).map(|reason| ("email", reason));
    let name =
        text("full_name").and_then(|text| FullName::parse(text).err()).map(|reason| ("full_name", reason));
    let problems = email.into_iter().chain(name);
    problems.map(|(field, reason)| FieldError::new(field, "format", reason.to_string())).collect()
}
