//! Types that several resources share.

use poem_openapi::types::{MaybeUndefined, ParseFromJSON};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::core::email::Email;
use crate::core::text::FullName;

/// A property that is always present and may be null.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

impl<T> From<Nullable<T>> for Option<T> {
    fn from(value: Nullable<T>) -> Self {
        value.0
    }
}

/// A nullable property of a merge patch (RFC 7396): absent keeps the value, null clears it.
pub type Patch<T> = MaybeUndefined<Nullable<T>>;

/// The change that a property of a merge patch asks for: `None` keeps the value, `Some(None)`
/// clears it.
pub(super) fn change_of<T>(patch: Patch<T>) -> Option<Option<T>> {
    match patch {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(value.0),
    }
}

/// The number of items per page: 1 to 100.
#[derive(Clone, Copy, Debug)]
pub struct PageSize(pub u16);

impl Default for PageSize {
    fn default() -> Self {
        Self(20)
    }
}

/// The `next_page` of the previous page.
#[derive(Clone, Debug)]
pub struct PageToken(pub String);

/// The email of a login, which may be one that new users can no longer have.
#[derive(Clone, Debug)]
pub struct LoginEmail(pub Email);

/// Rules for new emails and names that the document's schemas do not state, because existing users
/// may break them.
pub(super) fn check_email_and_name(body: &Map<String, Value>) -> Vec<FieldProblem> {
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let email = text("email").and_then(|text| Email::parse(text).err()).map(|reason| ("email", reason));
    let name =
        text("full_name").and_then(|text| FullName::parse(text).err()).map(|reason| ("full_name", reason));
    let problems = email.into_iter().chain(name);
    problems.map(|(field, reason)| FieldProblem::new(field, "format", reason.to_string())).collect()
}

/// The rules of a request body beyond its schema.
pub trait RequestSchema: ParseFromJSON {
    /// Unknown fields that are refused instead of ignored, because ignoring them would mislead the
    /// client.
    const REFUSED: &'static [&'static str] = &[];

    /// Checks rules that the schema cannot state.
    fn check(_body: &Map<String, Value>) -> Vec<FieldProblem> {
        Vec::new()
    }
}

/// A value that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// The path of the field in the body, or the name of the parameter.
    pub field: String,
    /// The broken rule, for programs: the keyword of the schema, such as `required` or `format`.
    pub rule: String,
    /// The problem, for people: a phrase that follows the field's name.
    pub message: String,
}

impl FieldProblem {
    pub fn new(field: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into(), message: message.into() }
    }
}
