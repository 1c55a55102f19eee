//! The one error body, and the one place where an error becomes a response.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::marker::PhantomData;

use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use serde_json::{Value, json};

use super::document::ErrorCase;
use crate::core::rate_limit::RateLimitDecision;
use crate::db::DbError;
use crate::schemas::common::FieldProblem;
use crate::services;

/// Seconds after which a caller may try again, unless the problem says how long it lasts.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Declares the catalogue of error codes: name, code, status, sentence.
macro_rules! error_codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:ident, $message:literal; )+) => {
        /// Every code a client can meet, with its status and its sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode { $( $(#[doc = $doc])+ $name, )+ }

        impl ErrorCode {
            /// All of them, in the order of the document.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as clients see it.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The one status this code is answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// What people read unless there is more to say.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message),+ }
            }
        }
    };
}

error_codes! {
    /// The request is not HTTP as it should be, or its body is not JSON.
    MalformedRequest = "malformed_request", BAD_REQUEST, "The request is not well-formed.";
    /// There is no bearer token.
    Unauthorized = "unauthorized", UNAUTHORIZED, "A bearer token is required.";
    /// The token is not, or no longer, good.
    InvalidToken = "invalid_token", UNAUTHORIZED, "The token is invalid or has expired.";
    /// The email and the password do not belong to an account that may log in.
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "The email or the password is wrong.";
    /// The caller may not do this.
    Forbidden = "forbidden", FORBIDDEN, "This needs superuser rights.";
    /// There is nothing at this address.
    NotFound = "not_found", NOT_FOUND, "There is nothing here.";
    /// The address does not know this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This method is not allowed here.";
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive.";
    /// The email has an account.
    EmailTaken = "email_taken", CONFLICT, "An account with this email exists.";
    /// No superuser would remain.
    LastSuperuser = "last_superuser", CONFLICT, "The last active superuser must remain.";
    /// The body is too large.
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB.";
    /// The body is of another type than JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.";
    /// Some values break a rule.
    ValidationError = "validation_error", UNPROCESSABLE_ENTITY, "Some values are not valid.";
    /// The client has made as many requests as it may.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "There were too many requests; try again later.";
    /// Something went wrong that is not the caller's doing.
    InternalError = "internal_error", INTERNAL_SERVER_ERROR, "Something went wrong on our side.";
    /// The body is encoded in a way that the service does not understand.
    NotImplemented = "not_implemented", NOT_IMPLEMENTED, "The only transfer coding that is understood is chunked.";
    /// The service cannot answer now.
    ServiceUnavailable = "service_unavailable", SERVICE_UNAVAILABLE, "The service cannot answer now; try again soon.";
}

/// The catalogue as the document shows it.
pub fn catalogue() -> Vec<ErrorCase> {
    let example = || json!({"fields": [FieldProblem::new("email", "format", "must contain an @")]});
    let case = |code: &ErrorCode| ErrorCase {
        code: code.code(),
        status: code.status().as_u16(),
        message: code.message(),
        details: (*code == ErrorCode::ValidationError).then(example),
    };
    ErrorCode::ALL.iter().map(case).collect()
}

type Source = Box<dyn StdError + Send + Sync>;

const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// An error on its way to the client. What the client reads and what the log tells are kept apart: the source is
/// never shown.
#[derive(Debug)]
pub struct Problem {
    code: ErrorCode,
    message: Cow<'static, str>,
    details: Option<Box<Value>>,
    /// A header that says what is taken instead.
    accepted: Vec<(HeaderName, HeaderValue)>,
    retry_after: u32,
    source: Option<Source>,
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            message: code.message().into(),
            details: None,
            accepted: Vec::new(),
            retry_after: RETRY_AFTER_SECONDS,
            source: None,
        }
    }
}

impl Problem {
    /// Values that break rules: all of them at once.
    pub fn fields(fields: &[FieldProblem]) -> Self {
        Self::from(ErrorCode::ValidationError).with_details(json!({ "fields": fields }))
    }

    /// One value that breaks a rule.
    pub fn field(field: &str, rule: &str, message: &str) -> Self {
        Self::fields(&[FieldProblem::new(field, rule, message)])
    }

    /// A method the address does not know; `allow` lists those it does (RFC 9110, 15.5.6).
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        Self { accepted: vec![(header::ALLOW, allow)], ..ErrorCode::MethodNotAllowed.into() }
    }

    /// A body of a media type that the operation does not take. `accepted` lists those it does, in `Accept` (RFC 9110,
    /// 15.5.16) and, for a PATCH, in `Accept-Patch` too (RFC 5789, 2.2).
    pub fn unsupported_media_type(accepted: &'static str, is_patch: bool) -> Self {
        let names = [Some(header::ACCEPT), is_patch.then_some(ACCEPT_PATCH)];
        let accepted = names.into_iter().flatten().map(|name| (name, HeaderValue::from_static(accepted)));
        Self { accepted: accepted.collect(), ..ErrorCode::UnsupportedMediaType.into() }
    }

    /// More requests than fit into the window. Another one fits as soon as the oldest has left it.
    pub fn rate_limited(verdict: &RateLimitDecision) -> Self {
        Self { retry_after: verdict.reset.max(RETRY_AFTER_SECONDS), ..ErrorCode::RateLimited.into() }
    }

    /// The same with another sentence.
    #[must_use]
    pub fn saying(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The same with more for programs to read.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self { details: Some(Box::new(details)), ..self }
    }

    /// The same with its cause, for the log.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The response, with the request's id in the body.
    pub fn respond(&self, request_id: &str) -> Response {
        self.log();
        let mut body = json!({ "success": false, "error": self.code.code(), "message": self.message });
        if let Some(details) = &self.details {
            body["details"] = Value::clone(details);
        }
        body["request_id"] = request_id.into();
        let mut response = Response::builder()
            .status(self.code.status())
            .content_type("application/json")
            .body(body.to_string());
        let headers = response.headers_mut();
        match self.code.status() {
            // RFC 6750, 3: the error is named when a token was there.
            StatusCode::UNAUTHORIZED if self.code == ErrorCode::InvalidToken => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer error=\"invalid_token\""),
                );
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
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
        let status = self.code.status();
        let code = self.code.code();
        match &self.source {
            Some(source) if status == StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(code, error = chain(source.as_ref()), "request failed");
            }
            Some(source) if status == StatusCode::SERVICE_UNAVAILABLE => {
                tracing::warn!(code, error = chain(source.as_ref()), "request not served");
            }
            Some(source) => tracing::debug!(code, error = chain(source.as_ref()), "request refused"),
            None => {}
        }
    }
}

/// An error and all that caused it, in one line.
fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.code())
    }
}

impl StdError for Problem {}

/// Lets a problem travel through poem as an error; the envelope turns it into the response.
impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.code.status()
    }

    fn as_response(&self) -> Response {
        self.status().into_response()
    }
}

/// The whole mapping from rules to HTTP.
impl From<services::Error> for Problem {
    fn from(error: services::Error) -> Self {
        use services::Error as E;
        match error {
            E::InvalidCredentials => ErrorCode::InvalidCredentials.into(),
            E::InvalidToken(reason) => Self::from(ErrorCode::InvalidToken).caused_by(reason),
            E::Forbidden => ErrorCode::Forbidden.into(),
            E::WrongCurrentPassword => {
                Self::field("current_password", "match", "is not the current password")
            }
            E::PasswordIsEmail => {
                Self::field("password", "own_email", "must not be the email or its local part")
            }
            E::EmailTaken => ErrorCode::EmailTaken.into(),
            E::LastSuperuser => ErrorCode::LastSuperuser.into(),
            E::UserNotFound => Self::from(ErrorCode::NotFound).saying("There is no such user."),
            E::InvalidPageToken => Self::field("page_token", "format", "is not a next_page of this list"),
            E::TooManyAttempts(verdict) => Self::rate_limited(&verdict)
                .saying("There were too many log-ins to this account; try again later."),
            E::TooManyConfirmations(verdict) => Self::rate_limited(&verdict)
                .saying("The current password was tried too often; try again later."),
            E::Overloaded | E::Database(DbError::Unavailable(_)) => {
                Self::from(ErrorCode::ServiceUnavailable).caused_by(error)
            }
            E::Database(_) | E::Hashing(_) | E::Signing(_) | E::Randomness(_) => {
                Self::from(ErrorCode::InternalError).caused_by(error)
            }
        }
    }
}

/// What an operation can fail with beyond what its shape implies, for the document.
pub trait Fails {
    /// Statuses, each with its codes separated by commas.
    const RESPONSES: &'static [(u16, &'static str)];
}

/// Names what an operation can fail with: `failures! { pub Taken: 409 "email_taken"; }`.
macro_rules! failures {
    ($( $(#[doc = $doc:literal])+ $name:ident: $( $status:literal $codes:literal ),* ; )+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub enum $name {}

        impl $crate::api::errors::Fails for $name {
            const RESPONSES: &'static [(u16, &'static str)] = &[$(($status, $codes)),*];
        }
    )+};
}
pub(super) use failures;

failures! {
    /// Nothing beyond what its shape implies.
    Nothing: ;
}

/// A problem of an operation that declares its failures.
pub struct Failure<F>(Problem, PhantomData<fn() -> F>);

impl<F> From<Problem> for Failure<F> {
    fn from(problem: Problem) -> Self {
        Self(problem, PhantomData)
    }
}

impl<F> From<services::Error> for Failure<F> {
    fn from(error: services::Error) -> Self {
        Problem::from(error).into()
    }
}

impl<F> From<Failure<F>> for poem::Error {
    fn from(failure: Failure<F>) -> Self {
        failure.0.into()
    }
}

impl<F: Fails> ApiResponse for Failure<F> {
    fn meta() -> MetaResponses {
        let response = |&(status, codes): &(u16, &'static str)| MetaResponse {
            description: codes,
            status: Some(status),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        };
        MetaResponses { responses: F::RESPONSES.iter().map(response).collect() }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_source_of_an_error_is_not_shown() {
        let error = services::Error::Database(DbError::Tls("postgres://secret".to_owned()));
        let body = Problem::from(error).respond("id-1").into_body().into_string().await.unwrap();
        assert!(body.contains("internal_error") && body.contains("id-1"), "{body}");
        assert!(!body.contains("secret"), "{body}");
    }

    #[test]
    fn the_log_line_holds_the_whole_chain() {
        let error = services::Error::Database(DbError::Tls("no certificate".to_owned()));
        assert_eq!(chain(&error), "database error: TLS to PostgreSQL cannot be set up: no certificate");
    }
}
