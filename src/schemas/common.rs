//! What several resources share.

use poem_openapi::types::ParseFromJSON;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::core::email::Email;
use crate::core::text::FullName;

/// Always there, possibly null.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

/// A field of a partial update: absent leaves the value as it is, null clears it.
#[derive(Clone, Debug)]
pub enum Change<T> {
    /// The field was absent.
    Keep,
    /// The field was null.
    Clear,
    /// The field had a value.
    Set(T),
}

impl<T> From<Change<T>> for Option<Option<T>> {
    fn from(change: Change<T>) -> Self {
        match change {
            Change::Keep => None,
            Change::Clear => Some(None),
            Change::Set(value) => Some(Some(value)),
        }
    }
}

/// How many items a page has: 1 to 100.
#[derive(Clone, Copy, Debug)]
pub struct PageSize(pub u16);

impl Default for PageSize {
    fn default() -> Self {
        Self(20)
    }
}

/// Where a page begins: the `next_page` of the page before.
#[derive(Clone, Debug)]
pub struct PageToken(pub String);

/// The address that a client logs in with: also one that would not be taken for a new account any more.
#[derive(Clone, Debug)]
pub struct LoginEmail(pub Email);

/// The rules of new emails and names that the document's schema does not state, because accounts may have others from before.
pub(super) fn check_new_texts(body: &Map<String, Value>) -> Vec<FieldProblem> {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let email = text("email").and_then(|text| Email::parse(text).err()).map(|reason| ("email", reason));
    let name =
        text("full_name").and_then(|text| FullName::parse(text).err()).map(|reason| ("full_name", reason));
    let problems = email.into_iter().chain(name);
    problems.map(|(field, reason)| FieldProblem::new(field, "format", reason.to_string())).collect()
}

/// What a body may be asked beyond its schema.
pub trait RequestSchema: ParseFromJSON {
    /// Fields that this body must not have although unknown ones are ignored: a client that sends them believes
    /// to change what it cannot.
    const REFUSED: &'static [&'static str] = &[];

    /// Rules between fields.
    fn check(_body: &Map<String, Value>) -> Vec<FieldProblem> {
        Vec::new()
    }
}

/// One value that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// The path of the field in the body, or the name of the parameter.
    pub field: String,
    /// The rule, for programs: the keyword of the schema, such as `required` or `format`.
    pub rule: String,
    /// What is wrong, for people, as a phrase that follows the field's name.
    pub message: String,
}

impl FieldProblem {
    /// A problem of one field.
    pub fn new(field: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into(), message: message.into() }
    }
}
