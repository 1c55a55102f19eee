//! The errors of the services.

use groundwork_auth::{HashError, InvalidToken, InvalidValue, SigningFailed};
use groundwork_database::DbError;
use groundwork_jobs::records::DEDUPE_KEY;
use groundwork_state::rate_limit::RateLimitDecision;
use groundwork_webhooks::{InvalidSecret, RandomUnavailable};

use crate::domain::ids::NoRandomness;
use crate::domain::permissions::Permission;
use crate::models::users::EMAIL_KEY;

/// An error of the services. `api::errors` maps it to a response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("invalid credentials")]
    InvalidCredentials,
    #[error("{0}")]
    InvalidToken(&'static str),
    /// The caller's role does not have the permission that the operation needs.
    #[error("the role does not have the permission")]
    Forbidden,
    /// The API key does not have this scope.
    #[error("the API key does not have the scope {}", .0.as_str())]
    InsufficientScope(Permission),
    /// No API key may do this.
    #[error("an API key may not do this")]
    LoginRequired,
    /// The user has [`MAX_API_KEYS`](crate::domain::api_keys::MAX_API_KEYS).
    #[error("the user has too many API keys")]
    TooManyApiKeys,
    /// An API key would have expired before it exists.
    #[error("the API key would have expired")]
    ApiKeyExpired,
    #[error("the current password is wrong")]
    WrongCurrentPassword,
    /// A new password is the user's own email, or its local part.
    #[error("the password is the email")]
    PasswordIsEmail,
    /// A new password is known to be leaked.
    #[error("the password is leaked")]
    PasswordLeaked,
    /// The token of a link is wrong, used, replaced by a newer one, or too old.
    #[error("the link is invalid")]
    InvalidLink,
    /// The setting of registration refuses the operation.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The credentials are right, but the user has to verify its email first.
    #[error("the email is not verified")]
    EmailNotVerified,
    /// The operation needs mail, and the service cannot send any.
    #[error("mail is not set up")]
    NoMail,
    #[error("the email is taken")]
    EmailTaken,
    #[error("the last active superuser cannot be removed")]
    LastSuperuser,
    /// Only a dead job can be tried again by hand.
    #[error("the job is not dead")]
    JobNotDead,
    /// The content of the dead job was deleted.
    #[error("the job has expired")]
    JobExpired,
    /// A worker runs the job.
    #[error("the job is running")]
    JobRunning,
    /// Another job with its dedupe key is queued or running.
    #[error("the job is queued already")]
    JobDuplicate,
    /// It does not exist, or belongs to another user. The field names the resource: "user".
    #[error("the {0} does not exist")]
    NotFound(&'static str),
    /// The page token was not issued for this list.
    #[error("invalid page token")]
    InvalidPageToken,
    /// What a change is conditional on is not so.
    #[error("the precondition failed")]
    PreconditionFailed,
    /// The work was done by an earlier request with the same idempotency key. The field is its
    /// answer.
    #[error("answered before")]
    AnsweredBefore(String),
    /// The idempotency key belongs to another request.
    #[error("the idempotency key is another request's")]
    IdempotencyKeyReused,
    /// A request with the same idempotency key is under way.
    #[error("a request with this idempotency key is under way")]
    IdempotencyInProgress,
    #[error("too many login attempts")]
    TooManyLogins(RateLimitDecision),
    #[error("too many attempts to confirm the current password")]
    TooManyPasswordChecks(RateLimitDecision),
    /// Webhooks may not lead there; the text follows the name of the field.
    #[error("the URL of the webhook {0}")]
    WebhookUrl(String),
    /// An event cannot be written or read.
    #[error("an event cannot be stored or read")]
    Event(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The secret of a webhook was changed in the database.
    #[error("the stored secret of a webhook is invalid")]
    StoredSecret(#[source] InvalidSecret),
    /// The queue of the password hasher is full.
    #[error("overloaded")]
    Overloaded,
    #[error("database error")]
    Database(#[source] DbError),
    #[error("hashing failed")]
    Hashing(#[source] HashError),
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Error {
    pub(super) const SESSION_OVER: Self = Self::InvalidToken("the session is over");
    pub(super) const USER_INACTIVE: Self = Self::InvalidToken("the user is inactive");
}

/// The unique constraint decides whether an email is taken, and whether a job is queued already: a
/// `SELECT` before the write would race.
impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unique { constraint } if constraint == EMAIL_KEY => Self::EmailTaken,
            DbError::Unique { constraint } if constraint == DEDUPE_KEY => Self::JobDuplicate,
            other => Self::Database(other),
        }
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            other => Self::Hashing(other),
        }
    }
}

/// The only signed values are page tokens.
impl From<InvalidValue> for Error {
    fn from(_: InvalidValue) -> Self {
        Self::InvalidPageToken
    }
}

impl From<RandomUnavailable> for Error {
    fn from(_: RandomUnavailable) -> Self {
        Self::Randomness(NoRandomness)
    }
}

impl From<InvalidToken> for Error {
    fn from(error: InvalidToken) -> Self {
        Self::InvalidToken(error.reason())
    }
}
