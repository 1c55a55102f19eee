//! The catalogue of errors, and the one place where an error of a service becomes a response.

use groundwork_database::DbError;
use groundwork_web::error::{ApiError, ErrorCode};
use groundwork_web::failure::Failure;
use poem::http::StatusCode;

use crate::services;

/// The email and the password do not belong to a user who may log in.
pub const INVALID_CREDENTIALS: ErrorCode =
    ErrorCode::new("invalid_credentials", StatusCode::UNAUTHORIZED, "The email or the password is wrong.");
/// The caller is not a superuser.
pub const FORBIDDEN: ErrorCode =
    ErrorCode::new("forbidden", StatusCode::FORBIDDEN, "This operation requires superuser rights.");
/// Another user has the email.
pub const EMAIL_TAKEN: ErrorCode =
    ErrorCode::new("email_taken", StatusCode::CONFLICT, "A user with this email already exists.");
/// The last active superuser can be neither deleted, deactivated nor demoted.
pub const LAST_SUPERUSER: ErrorCode =
    ErrorCode::new("last_superuser", StatusCode::CONFLICT, "The last active superuser cannot be removed.");

/// Every code, in the order of the document.
pub const CATALOGUE: [ErrorCode; 17] = [
    ErrorCode::MALFORMED_REQUEST,
    ErrorCode::UNAUTHORIZED,
    ErrorCode::INVALID_TOKEN,
    INVALID_CREDENTIALS,
    FORBIDDEN,
    ErrorCode::NOT_FOUND,
    ErrorCode::METHOD_NOT_ALLOWED,
    ErrorCode::REQUEST_TIMEOUT,
    EMAIL_TAKEN,
    LAST_SUPERUSER,
    ErrorCode::PAYLOAD_TOO_LARGE,
    ErrorCode::UNSUPPORTED_MEDIA_TYPE,
    ErrorCode::VALIDATION_ERROR,
    ErrorCode::RATE_LIMITED,
    ErrorCode::INTERNAL_ERROR,
    ErrorCode::NOT_IMPLEMENTED,
    ErrorCode::SERVICE_UNAVAILABLE,
];

impl From<services::Error> for ApiError {
    fn from(error: services::Error) -> Self {
        use services::Error as E;
        match error {
            E::InvalidCredentials => INVALID_CREDENTIALS.into(),
            E::InvalidToken(reason) => Self::from(ErrorCode::INVALID_TOKEN).caused_by(reason),
            E::Forbidden => FORBIDDEN.into(),
            E::WrongCurrentPassword => {
                Self::field("current_password", "match", "is not the current password")
            }
            E::PasswordIsEmail => {
                Self::field("password", "own_email", "must not be the email or its local part")
            }
            E::EmailTaken => EMAIL_TAKEN.into(),
            E::LastSuperuser => LAST_SUPERUSER.into(),
            E::NotFound(resource) => {
                Self::from(ErrorCode::NOT_FOUND).with_message(format!("The {resource} does not exist."))
            }
            E::InvalidPageToken => Self::field("page_token", "format", "is not a next_page of this list"),
            E::TooManyLogins(decision) => Self::rate_limited(&decision)
                .with_message("Too many login attempts for this user. Try again later."),
            E::TooManyPasswordChecks(decision) => Self::rate_limited(&decision)
                .with_message("Too many attempts to confirm the current password. Try again later."),
            E::WebhookUrl(problem) => Self::field("url", "destination", &problem),
            E::Overloaded | E::Database(DbError::Unavailable(_)) => {
                Self::from(ErrorCode::SERVICE_UNAVAILABLE).caused_by(error)
            }
            E::Database(_)
            | E::Hashing(_)
            | E::Signing(_)
            | E::Randomness(_)
            | E::Event(_)
            | E::StoredSecret(_) => Self::from(ErrorCode::INTERNAL_ERROR).caused_by(error),
        }
    }
}

impl<E> From<services::Error> for Failure<E> {
    fn from(error: services::Error) -> Self {
        ApiError::from(error).into()
    }
}
