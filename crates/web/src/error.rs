//! The error body of every response that is not a success, and the error that becomes one.

use std::borrow::Cow;
use std::error::Error as StdError;

pub use groundwork_openapi::{ErrorCode, IMPLIED_ERRORS};
use groundwork_state::rate_limit::RateLimitDecision;
use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// Seconds after which a client may try again, unless the error says how long to wait.
const RETRY_AFTER_SECONDS: u32 = 1;

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// A value that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The path of the field in the body, or the name of the parameter.
    pub field: String,
    /// The rule, for programs: the keyword of the schema, such as `required` or `format`.
    pub rule: String,
    /// What is wrong, for people, as a phrase that follows the field's name.
    pub message: String,
}

impl FieldError {
    /// An error of one field.
    pub fn new(field: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into(), message: message.into() }
    }
}

type Cause = Box<dyn StdError + Send + Sync>;

/// An error that becomes a response. The client reads the message and the details; the cause is
/// only logged.
#[derive(Debug, thiserror::Error)]
#[error("{}", .code.code)]
pub struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    details: Option<Box<Value>>,
    /// Headers which say what is accepted instead: `Allow`, `Accept`, `Accept-Patch`,
    /// `WWW-Authenticate`.
    accepted: Vec<(HeaderName, HeaderValue)>,
    retry_after: u32,
    cause: Option<Cause>,
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            message: code.message.into(),
            details: None,
            accepted: Vec::new(),
            retry_after: RETRY_AFTER_SECONDS,
            cause: None,
        }
    }
}

impl ApiError {
    /// 422 with every value that breaks a rule.
    pub fn fields(fields: &[FieldError]) -> Self {
        Self::from(ErrorCode::VALIDATION_ERROR).with_details(json!({ "fields": fields }))
    }

    /// 422 with one value that breaks a rule.
    pub fn field(field: &str, rule: &str, message: &str) -> Self {
        Self::fields(&[FieldError::new(field, rule, message)])
    }

    /// 405; `allow` lists the supported methods (RFC 9110, 15.5.6).
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        Self { accepted: vec![(header::ALLOW, allow)], ..ErrorCode::METHOD_NOT_ALLOWED.into() }
    }

    /// 415; `accepted` lists the supported media types, in `Accept` (RFC 9110, 15.5.16) and, for a
    /// PATCH, in `Accept-Patch` too (RFC 5789, 2.2).
    pub fn unsupported_media_type(accepted: &'static str, is_patch: bool) -> Self {
        let names = [Some(header::ACCEPT), is_patch.then_some(ACCEPT_PATCH)];
        let accepted = names.into_iter().flatten().map(|name| (name, HeaderValue::from_static(accepted)));
        Self { accepted: accepted.collect(), ..ErrorCode::UNSUPPORTED_MEDIA_TYPE.into() }
    }

    /// 403 for an API key (RFC 6750, 3.1). `scope` is the one that it lacks; without one, no API key
    /// may do this.
    pub fn insufficient_scope(scope: Option<&str>) -> Self {
        let challenge = "Bearer error=\"insufficient_scope\"";
        let error = Self::from(ErrorCode::INSUFFICIENT_SCOPE);
        let Some(scope) = scope else {
            let challenge = HeaderValue::from_static(challenge);
            return Self { accepted: vec![(header::WWW_AUTHENTICATE, challenge)], ..error };
        };
        // No name of a scope has a character that a header cannot have.
        let challenge = HeaderValue::from_str(&format!("{challenge}, scope=\"{scope}\""));
        let accepted = challenge.map(|challenge| (header::WWW_AUTHENTICATE, challenge));
        let error = Self { accepted: accepted.into_iter().collect(), ..error };
        error.with_message(format!("The API key needs the scope {scope}."))
    }

    /// 429; `Retry-After` is when the oldest request leaves the window.
    pub fn rate_limited(decision: &RateLimitDecision) -> Self {
        Self { retry_after: decision.reset.max(RETRY_AFTER_SECONDS), ..ErrorCode::RATE_LIMITED.into() }
    }

    /// Replaces the catalogue's message.
    #[must_use]
    pub fn with_message(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Adds details for programs.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self { details: Some(Box::new(details)), ..self }
    }

    /// Adds the cause, which is logged and never shown.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<Cause>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Logs the error and makes the response, with the request's id in the body.
    pub fn respond(&self, request_id: &str) -> Response {
        self.log();
        let mut body = json!({ "success": false, "error": self.code.code, "message": self.message });
        if let Some(details) = &self.details {
            body["details"] = Value::clone(details);
        }
        body["request_id"] = request_id.into();
        let status = self.code.status;
        let mut response =
            Response::builder().status(status).content_type("application/json").body(body.to_string());
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                // RFC 6750, 3: the error is named if the request had a token.
                let has_token = self.code == ErrorCode::INVALID_TOKEN;
                let challenge = if has_token { "Bearer error=\"invalid_token\"" } else { "Bearer" };
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, self.retry_after.into());
            }
            _ => {}
        }
        headers.extend(self.accepted.iter().cloned());
        response
    }

    fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let (code, error) = (self.code.code, chain(cause.as_ref()));
        match self.code.status {
            StatusCode::INTERNAL_SERVER_ERROR => tracing::error!(code, error, "request failed"),
            StatusCode::SERVICE_UNAVAILABLE => tracing::warn!(code, error, "request not served"),
            _ => tracing::debug!(code, error, "request refused"),
        }
    }
}

/// An error and its causes, in one line.
fn chain(error: &dyn StdError) -> String {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Lets the error travel through poem; the error middleware makes the response.
impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        self.code.status
    }

    fn as_response(&self) -> Response {
        self.code.status.into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("database error")]
    struct Outer(#[source] io::Error);

    #[tokio::test]
    async fn the_source_of_an_error_is_not_shown() {
        let error = ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by("postgres://secret");
        let body = error.respond("id-1").into_body().into_string().await.unwrap();
        assert!(body.contains("internal_error") && body.contains("id-1"), "{body}");
        assert!(!body.contains("secret"), "{body}");
    }

    #[test]
    fn the_log_line_holds_the_whole_chain() {
        let error = Outer(io::Error::other("no certificate"));
        assert_eq!(chain(&error), "database error: no certificate");
    }
}
