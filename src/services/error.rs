//! What a rule can answer instead of a result.

use crate::core::ids::NoRandomness;
use crate::core::rate_limit::RateLimitDecision;
use crate::core::security::hasher::HashError;
use crate::core::security::tokens::{InvalidToken, SigningFailed};
use crate::db::DbError;
use crate::models::users::EMAIL_KEY;

/// An error of the service layer. It knows nothing of HTTP; the API decides what a caller is told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No account with that address and password may log in.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// A token is not, or no longer, good.
    #[error("{0}")]
    InvalidToken(&'static str),
    /// The caller lost the superuser rights that the operation asks for.
    #[error("the caller is no longer a superuser")]
    Forbidden,
    /// The present password was not the one given.
    #[error("the current password is wrong")]
    WrongCurrentPassword,
    /// A new password is the account's own address, or what stands before its @.
    #[error("the password is the email")]
    PasswordIsEmail,
    /// The address has an account.
    #[error("the email is taken")]
    EmailTaken,
    /// Nobody would be left to administer.
    #[error("the last superuser must remain")]
    LastSuperuser,
    /// There is no such account.
    #[error("no such user")]
    UserNotFound,
    /// The page token was not made for this list.
    #[error("foreign page token")]
    InvalidPageToken,
    /// The account is being tried more often than it may.
    #[error("too many attempts")]
    TooManyAttempts(RateLimitDecision),
    /// The present password is being tried more often than it may.
    #[error("too many confirmations")]
    TooManyConfirmations(RateLimitDecision),
    /// More passwords wait to be hashed than the queue holds.
    #[error("overloaded")]
    Overloaded,
    /// The database failed or is away.
    #[error("database error")]
    Database(#[source] DbError),
    /// Hashing failed.
    #[error("hashing failed")]
    Hashing(#[source] HashError),
    /// Signing failed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    /// No random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// A constraint of the database decides who was first; no SELECT before could.
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

impl From<InvalidToken> for Error {
    fn from(error: InvalidToken) -> Self {
        Self::InvalidToken(error.reason())
    }
}
