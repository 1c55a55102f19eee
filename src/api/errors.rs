//! The error catalogue, and the one place where an error becomes a response.

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
use crate::core::rate_limit::Verdict;
use crate::db::DbError;
use crate::schemas::common::FieldProblem;
use crate::services;

/// The `Retry-After` of a response whose problem does not say how long it lasts.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Declares the error codes: name, code, status, default message.
macro_rules! error_codes {
    ($( $name:ident = $code:literal, $status:ident, $message:literal; )+) => {
        /// An error code of the API. Each code has one status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode { $($name),+ }

        impl ErrorCode {
            /// All codes, in the order of the document.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// The message, unless a problem has its own.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message),+ }
            }
        }
    };
}

error_codes! {
    MalformedRequest = "malformed_request", BAD_REQUEST, "The request is malformed.";
    Unauthorized = "unauthorized", UNAUTHORIZED, "A bearer token is required.";
    InvalidToken = "invalid_token", UNAUTHORIZED, "The token is invalid or has expired.";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "The email or the password is wrong.";
    Forbidden = "forbidden", FORBIDDEN, "This operation requires superuser rights.";
    NotFound = "not_found", NOT_FOUND, "The resource does not exist.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The resource does not support this method.";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive.";
    EmailTaken = "email_taken", CONFLICT, "A user with this email already exists.";
    LastSuperuser = "last_superuser", CONFLICT, "The last active superuser cannot be removed.";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.";
    ValidationError = "validation_error", UNPROCESSABLE_ENTITY, "The request contains invalid values.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests. Try again later.";
    InternalError = "internal_error", INTERNAL_SERVER_ERROR, "An internal error occurred.";
    NotImplemented = "not_implemented", NOT_IMPLEMENTED, "The only supported transfer coding is chunked.";
    ServiceUnavailable = "service_unavailable", SERVICE_UNAVAILABLE, "The service is unavailable. Try again soon.";
}

/// The error codes for the document.
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

/// An error for the client. Its source is logged and never sent.
#[derive(Debug)]
pub struct Problem {
    code: ErrorCode,
    message: Cow<'static, str>,
    details: Option<Box<Value>>,
    /// Headers that list what is supported, such as `Allow`.
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
    /// 422 with all values that break a rule.
    pub fn fields(fields: &[FieldProblem]) -> Self {
        Self::from(ErrorCode::ValidationError).with_details(json!({ "fields": fields }))
    }

    pub fn field(field: &str, rule: &str, message: &str) -> Self {
        Self::fields(&[FieldProblem::new(field, rule, message)])
    }

    /// 405; `allow` lists the supported methods (RFC 9110, 15.5.6).
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        Self { accepted: vec![(header::ALLOW, allow)], ..ErrorCode::MethodNotAllowed.into() }
    }

    /// 415; `accepted` lists the supported media types, for `Accept` (RFC 9110, 15.5.16) and, for a
    /// PATCH, also for `Accept-Patch` (RFC 5789, 2.2).
    pub fn unsupported_media_type(accepted: &'static str, is_patch: bool) -> Self {
        let names = [Some(header::ACCEPT), is_patch.then_some(ACCEPT_PATCH)];
        let accepted = names.into_iter().flatten().map(|name| (name, HeaderValue::from_static(accepted)));
        Self { accepted: accepted.collect(), ..ErrorCode::UnsupportedMediaType.into() }
    }

    /// 429; `Retry-After` is when the oldest request leaves the window.
    pub fn rate_limited(verdict: &Verdict) -> Self {
        Self { retry_after: verdict.reset.max(RETRY_AFTER_SECONDS), ..ErrorCode::RateLimited.into() }
    }

    #[must_use]
    pub fn with_message(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self { details: Some(Box::new(details)), ..self }
    }

    /// Adds the source, for the log.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Logs the source and builds the response.
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
            // RFC 6750, 3: the error is named only when the request had a token.
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

/// The error and its sources, in one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code.code())
    }
}

impl StdError for Problem {}

/// Carries the problem through poem as an error. The middleware builds the response, with the
/// request ID.
impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.code.status()
    }

    fn as_response(&self) -> Response {
        self.status().into_response()
    }
}

/// The mapping from the errors of the services to HTTP.
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
            E::UserNotFound => Self::from(ErrorCode::NotFound).with_message("The user does not exist."),
            E::InvalidPageToken => Self::field("page_token", "format", "is not a next_page of this list"),
            E::TooManyLogins(verdict) => Self::rate_limited(&verdict)
                .with_message("Too many login attempts for this user. Try again later."),
            E::TooManyPasswordChecks(verdict) => Self::rate_limited(&verdict)
                .with_message("Too many attempts to confirm the current password. Try again later."),
            E::Overloaded | E::Database(DbError::Unavailable(_)) => {
                Self::from(ErrorCode::ServiceUnavailable).caused_by(error)
            }
            E::Database(_) | E::Hashing(_) | E::Signing(_) | E::Randomness(_) => {
                Self::from(ErrorCode::InternalError).caused_by(error)
            }
        }
    }
}

/// The errors of an operation that do not follow from its parameters, for the document.
pub trait DocumentedErrors {
    /// Statuses, each with its codes separated by commas.
    const RESPONSES: &'static [(u16, &'static str)];
}

/// Declares sets of errors: `error_responses! { UserNotFound: 404 "not_found"; }`.
macro_rules! error_responses {
    ($( $name:ident: $( $status:literal $codes:literal ),* ; )+) => {$(
        #[derive(Debug)]
        pub enum $name {}

        impl $crate::api::errors::DocumentedErrors for $name {
            const RESPONSES: &'static [(u16, &'static str)] = &[$(($status, $codes)),*];
        }
    )+};
}
pub(super) use error_responses;

error_responses! {
    NoErrors: ;
}

/// The error type of an operation that documents the errors `E`.
pub struct Failure<E>(Problem, PhantomData<fn() -> E>);

impl<E> From<Problem> for Failure<E> {
    fn from(problem: Problem) -> Self {
        Self(problem, PhantomData)
    }
}

impl<E> From<services::Error> for Failure<E> {
    fn from(error: services::Error) -> Self {
        Problem::from(error).into()
    }
}

impl<E> From<Failure<E>> for poem::Error {
    fn from(failure: Failure<E>) -> Self {
        failure.0.into()
    }
}

impl<E: DocumentedErrors> ApiResponse for Failure<E> {
    fn meta() -> MetaResponses {
        let response = |&(status, codes): &(u16, &'static str)| MetaResponse {
            description: codes,
            status: Some(status),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        };
        MetaResponses { responses: E::RESPONSES.iter().map(response).collect() }
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
