//! The catalogue of errors, and the one place where an error of a service becomes a response.

use groundwork_database::DbError;
use groundwork_web::error::{ApiError, ErrorCode};
use groundwork_web::failure::Failure;
use poem::http::StatusCode;

use super::idempotency::replay;
use crate::services;

/// The email and the password do not belong to a user who may log in.
pub const INVALID_CREDENTIALS: ErrorCode =
    ErrorCode::new("invalid_credentials", StatusCode::UNAUTHORIZED, "The email or the password is wrong.");
/// The caller's role does not have the permission.
pub const FORBIDDEN: ErrorCode =
    ErrorCode::new("forbidden", StatusCode::FORBIDDEN, "Your role does not allow this operation.");
/// The token of a link is wrong, used, replaced by a newer one, or too old.
pub const INVALID_LINK: ErrorCode = ErrorCode::new(
    "invalid_link",
    StatusCode::BAD_REQUEST,
    "This link is invalid, was used before, or has expired.",
);
/// Users cannot register themselves, or not by this operation.
pub const REGISTRATION_CLOSED: ErrorCode =
    ErrorCode::new("registration_closed", StatusCode::FORBIDDEN, "Registration is closed.");
/// The credentials are right, but the email has to be verified first.
pub const EMAIL_NOT_VERIFIED: ErrorCode = ErrorCode::new(
    "email_not_verified",
    StatusCode::FORBIDDEN,
    "Verify the email address first, with the link in the mail.",
);
/// Another user has the email.
pub const EMAIL_TAKEN: ErrorCode =
    ErrorCode::new("email_taken", StatusCode::CONFLICT, "A user with this email already exists.");
/// The last active superuser can be neither deleted, deactivated nor demoted.
pub const LAST_SUPERUSER: ErrorCode =
    ErrorCode::new("last_superuser", StatusCode::CONFLICT, "The last active superuser cannot be removed.");
/// The user has as many API keys as one can have.
pub const TOO_MANY_API_KEYS: ErrorCode = ErrorCode::new(
    "too_many_api_keys",
    StatusCode::CONFLICT,
    "You have too many API keys. Delete one that is not used.",
);

/// The job is not dead, so it cannot be retried.
pub const JOB_NOT_DEAD: ErrorCode =
    ErrorCode::new("job_not_dead", StatusCode::CONFLICT, "Only a dead job can be retried.");
/// The job has been dead for so long that its content was deleted.
pub const JOB_EXPIRED: ErrorCode = ErrorCode::new(
    "job_expired",
    StatusCode::CONFLICT,
    "This job died too long ago: what it needs to run has been deleted.",
);
/// A worker runs the job.
pub const JOB_RUNNING: ErrorCode =
    ErrorCode::new("job_running", StatusCode::CONFLICT, "The job is running and cannot be deleted.");
/// Another job with the same dedupe key is queued or running.
pub const JOB_DUPLICATE: ErrorCode = ErrorCode::new(
    "job_duplicate",
    StatusCode::CONFLICT,
    "Another job for the same work is already queued or running.",
);

/// Every code, in the order of the document.
pub const CATALOGUE: [ErrorCode; 29] = [
    ErrorCode::MALFORMED_REQUEST,
    INVALID_LINK,
    ErrorCode::UNAUTHORIZED,
    ErrorCode::INVALID_TOKEN,
    INVALID_CREDENTIALS,
    FORBIDDEN,
    ErrorCode::INSUFFICIENT_SCOPE,
    REGISTRATION_CLOSED,
    EMAIL_NOT_VERIFIED,
    ErrorCode::NOT_FOUND,
    ErrorCode::METHOD_NOT_ALLOWED,
    ErrorCode::REQUEST_TIMEOUT,
    EMAIL_TAKEN,
    LAST_SUPERUSER,
    TOO_MANY_API_KEYS,
    JOB_NOT_DEAD,
    JOB_EXPIRED,
    JOB_RUNNING,
    JOB_DUPLICATE,
    ErrorCode::IDEMPOTENCY_IN_PROGRESS,
    ErrorCode::PRECONDITION_FAILED,
    ErrorCode::PAYLOAD_TOO_LARGE,
    ErrorCode::UNSUPPORTED_MEDIA_TYPE,
    ErrorCode::VALIDATION_ERROR,
    ErrorCode::IDEMPOTENCY_KEY_REUSED,
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
            E::InsufficientScope(scope) => Self::insufficient_scope(Some(scope.as_str())),
            E::LoginRequired => Self::insufficient_scope(None),
            E::TooManyApiKeys => TOO_MANY_API_KEYS.into(),
            E::ApiKeyExpired => Self::field("expires_at", "future", "must be in the future"),
            E::WrongCurrentPassword => {
                Self::field("current_password", "match", "is not the current password")
            }
            E::PasswordIsEmail => {
                Self::field("password", "own_email", "must not be the email or its local part")
            }
            E::PasswordLeaked => Self::field(
                "password",
                "leaked",
                "is known from a leak of another service: choose another one",
            ),
            E::InvalidLink => INVALID_LINK.into(),
            E::RegistrationClosed => REGISTRATION_CLOSED.into(),
            E::EmailNotVerified => EMAIL_NOT_VERIFIED.into(),
            E::NoMail => Self::from(ErrorCode::SERVICE_UNAVAILABLE)
                .with_message("This service is not set up to send mail.")
                .caused_by(error),
            E::EmailTaken => EMAIL_TAKEN.into(),
            E::LastSuperuser => LAST_SUPERUSER.into(),
            E::JobNotDead => JOB_NOT_DEAD.into(),
            E::JobExpired => JOB_EXPIRED.into(),
            E::JobRunning => JOB_RUNNING.into(),
            E::JobDuplicate => JOB_DUPLICATE.into(),
            E::PreconditionFailed => ErrorCode::PRECONDITION_FAILED.into(),
            E::IdempotencyKeyReused => ErrorCode::IDEMPOTENCY_KEY_REUSED.into(),
            E::IdempotencyInProgress => ErrorCode::IDEMPOTENCY_IN_PROGRESS.into(),
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
            // `Failure` has replayed the answer, below. Elsewhere there are no idempotency keys.
            | E::AnsweredBefore(_)
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
        match error {
            services::Error::AnsweredBefore(answer) => replay(&answer),
            other => ApiError::from(other).into(),
        }
    }
}
