//! The errors of the services.

use groundwork_auth::{HashError, InvalidToken, InvalidValue, SigningFailed};
use groundwork_database::DbError;
use groundwork_state::rate_limit::RateLimitDecision;

use crate::domain::ids::NoRandomness;
use crate::models::users::EMAIL_KEY;

/// An error of the services. `api::errors` maps it to a response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("invalid credentials")]
    InvalidCredentials,
    #[error("{0}")]
    InvalidToken(&'static str),
    /// The caller lost its superuser rights after the guard had checked them.
    #[error("the caller is no longer a superuser")]
    Forbidden,
    #[error("the current password is wrong")]
    WrongCurrentPassword,
    /// A new password is the user's own email, or its local part.
    #[error("the password is the email")]
    PasswordIsEmail,
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
    /// It does not exist, or belongs to another user. The field names the resource: "user".
    #[error("the {0} does not exist")]
    NotFound(&'static str),
    /// The page token was not issued for this list.
    #[error("invalid page token")]
    InvalidPageToken,
    #[error("too many login attempts")]
    TooManyLogins(RateLimitDecision),
    #[error("too many attempts to confirm the current password")]
    TooManyPasswordChecks(RateLimitDecision),
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

/// The unique constraint decides whether an email is taken: a `SELECT` before the write would race.
impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unique { constraint } if constraint == EMAIL_KEY => Self::EmailTaken,
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

impl From<InvalidToken> for Error {
    fn from(error: InvalidToken) -> Self {
        Self::InvalidToken(error.reason())
    }
}
