//! The catalogue of errors, and which operations can return them without a declaration.

use poem::http::StatusCode;

/// An entry of the catalogue of errors. Programs branch on the code, and each code has one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// The code as clients see it.
    pub code: &'static str,
    /// The status of every response with this code.
    pub status: StatusCode,
    /// The sentence for people, unless an error has one of its own.
    pub message: &'static str,
}

/// Defines the codes that every API has, and [`ErrorCode::BUILT_IN`] in the same order.
macro_rules! built_in {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:ident, $message:literal; )+) => {
        impl ErrorCode {
            $(
                $(#[doc = $doc])+
                pub const $name: Self = Self::new($code, StatusCode::$status, $message);
            )+

            /// The codes that every API has; the catalogue of an app contains them all.
            pub const BUILT_IN: [Self; 17] = [$(Self::$name),+];
        }
    };
}

built_in! {
    /// The request is not HTTP as its version demands, or its body is not JSON.
    MALFORMED_REQUEST = "malformed_request", BAD_REQUEST, "The request is malformed.";
    /// There is no bearer token.
    UNAUTHORIZED = "unauthorized", UNAUTHORIZED, "A bearer token is required.";
    /// The token is wrong, expired or revoked.
    INVALID_TOKEN = "invalid_token", UNAUTHORIZED, "The token is invalid or has expired.";
    /// The token is valid, but not for this operation: it is an API key, and none of its scopes
    /// allows this, or no API key may do it.
    INSUFFICIENT_SCOPE = "insufficient_scope", FORBIDDEN, "The API key may not do this.";
    /// There is no resource at this path.
    NOT_FOUND = "not_found", NOT_FOUND, "The resource does not exist.";
    /// The resource does not support the method.
    METHOD_NOT_ALLOWED =
        "method_not_allowed", METHOD_NOT_ALLOWED, "The resource does not support this method.";
    /// A request with the same idempotency key is under way.
    IDEMPOTENCY_IN_PROGRESS =
        "idempotency_in_progress", CONFLICT, "A request with this Idempotency-Key is under way.";
    /// The resource has changed since the client read it.
    PRECONDITION_FAILED =
        "precondition_failed", PRECONDITION_FAILED, "The resource does not meet the condition of the request.";
    /// The body did not arrive in time.
    REQUEST_TIMEOUT = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive.";
    /// The body is too large.
    PAYLOAD_TOO_LARGE = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB.";
    /// The body is not JSON by its media type.
    UNSUPPORTED_MEDIA_TYPE =
        "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.";
    /// Some values break a rule. `details.fields` lists them all.
    VALIDATION_ERROR = "validation_error", UNPROCESSABLE_ENTITY, "The request contains invalid values.";
    /// Another request had this idempotency key.
    IDEMPOTENCY_KEY_REUSED =
        "idempotency_key_reused", UNPROCESSABLE_ENTITY, "This Idempotency-Key belongs to another request.";
    /// The client has reached its rate limit.
    RATE_LIMITED = "rate_limited", TOO_MANY_REQUESTS, "Too many requests. Try again later.";
    /// An unexpected error, logged with its cause.
    INTERNAL_ERROR = "internal_error", INTERNAL_SERVER_ERROR, "An internal error occurred.";
    /// The body has a transfer coding other than `chunked`.
    NOT_IMPLEMENTED = "not_implemented", NOT_IMPLEMENTED, "The only supported transfer coding is chunked.";
    /// The service is overloaded, stopping, or without a dependency that it needs.
    SERVICE_UNAVAILABLE =
        "service_unavailable", SERVICE_UNAVAILABLE, "The service is unavailable. Try again soon.";
}

impl ErrorCode {
    /// Defines a code.
    pub const fn new(code: &'static str, status: StatusCode, message: &'static str) -> Self {
        Self { code, status, message }
    }
}

/// Codes of the catalogue that operations can return without declaring them, by what they have.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImpliedErrors {
    /// Of every operation.
    pub always: &'static [&'static str],
    /// Of operations with a request body.
    pub with_body: &'static [&'static str],
    /// Of operations with an `Idempotency-Key`.
    pub with_idempotency_key: &'static [&'static str],
    /// Of operations with an `If-Match`.
    pub with_condition: &'static [&'static str],
    /// Of operations with a request body or parameters.
    pub with_input: &'static [&'static str],
    /// Of operations with a security scheme.
    pub with_security: &'static [&'static str],
    /// Of operations that require a role.
    pub with_role: &'static [&'static str],
    /// Of operations with a rate limit.
    pub with_rate_limit: &'static [&'static str],
    /// Of operations that can fail, which are all but [`infallible`](Self::infallible) ones.
    pub server: &'static [&'static str],
    /// Ids of operations that touch nothing that could fail, such as a liveness probe.
    pub infallible: &'static [&'static str],
}

/// The codes of [`ErrorCode::BUILT_IN`] that operations need not declare. An app adds those of its
/// roles, and its infallible operations.
pub const IMPLIED_ERRORS: ImpliedErrors = ImpliedErrors {
    // Any request can be malformed as HTTP, such as in its `Host` (RFC 9112, 3.2).
    always: &["malformed_request"],
    with_body: &["request_timeout", "payload_too_large", "unsupported_media_type", "not_implemented"],
    with_idempotency_key: &["idempotency_in_progress", "idempotency_key_reused"],
    with_condition: &["precondition_failed"],
    with_input: &["validation_error"],
    with_security: &["unauthorized", "invalid_token", "insufficient_scope"],
    with_role: &[],
    with_rate_limit: &["rate_limited"],
    server: &["internal_error", "service_unavailable"],
    infallible: &[],
};
