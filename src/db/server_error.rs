//! What PostgreSQL answers instead of a result, told apart by SQLSTATE: its texts are in the language of the server.

use std::fmt;

use diesel::result::Error as DieselError;
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::connect::{POOLED, describe};

/// An error of PostgreSQL, or of the way to it.
///
/// Diesel's own errors of a database have no place for a SQLSTATE, so this travels in the one that takes any error.
pub(super) struct ServerError(tokio_postgres::Error);

impl ServerError {
    /// What `error` carries, if it came from PostgreSQL.
    pub(super) fn of(error: &DieselError) -> Option<&Self> {
        match error {
            DieselError::QueryBuilderError(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// What the server said. Without it, the exchange broke off, or what was said is not the protocol.
    fn said(&self) -> Option<&DbError> {
        self.0.as_db_error()
    }

    fn code(&self) -> Option<&SqlState> {
        self.said().map(DbError::code)
    }

    /// The constraint that a value violates by not being unique.
    pub(super) fn unique_constraint(&self) -> Option<&str> {
        let said = self.said()?;
        (*said.code() == SqlState::UNIQUE_VIOLATION).then(|| said.constraint().unwrap_or_default())
    }

    /// Whether the connection is of no use from now on: lost, or ended by the server.
    pub(super) fn is_lost_connection(&self) -> bool {
        let Some(said) = self.said() else { return true };
        matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            || is_of_class(said.code(), "08")
            || ENDING.contains(said.code())
    }

    /// Whether the server takes no writes: it is, or has become, a replica.
    pub(super) fn is_read_only(&self) -> bool {
        self.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Whether a replica gave up a query, or its connection, to go on replaying: to one read nothing else is out of order.
    pub(super) fn is_recovery_conflict(&self) -> bool {
        self.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
    }

    /// Whether a prepared statement is no longer what it was: its table was altered, or the server has forgotten it, or knows
    /// another by its name.
    pub(super) fn is_stale_statement(&self) -> bool {
        const STALE: [SqlState; 3] = [
            // "Cached plan must not change result type" has no code of its own.
            SqlState::FEATURE_NOT_SUPPORTED,
            SqlState::INVALID_SQL_STATEMENT_NAME,
            SqlState::DUPLICATE_PSTATEMENT,
        ];
        self.code().is_some_and(|code| STALE.contains(code))
    }

    /// Whether the same statement may succeed later.
    pub(super) fn is_passing(&self) -> bool {
        const PASSING: [SqlState; 6] = [
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            // The disk of the server.
            SqlState::IO_ERROR,
        ];
        self.is_lost_connection()
            // Once more, after it was prepared anew.
            || self.is_stale_statement() && !self.is_unsupported()
            // Too many connections, no memory, no room on the disk.
            || self.code().is_some_and(|code| is_of_class(code, "53") || PASSING.contains(code))
    }

    /// Whether it has the code that a table which was altered has in common with what PostgreSQL cannot do.
    fn is_feature(&self) -> bool {
        self.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
    }

    /// Whether it is what PostgreSQL cannot do.
    fn is_unsupported(&self) -> bool {
        self.is_feature() && self.said().and_then(DbError::routine) != Some(REVALIDATION)
    }
}

/// The function of PostgreSQL in which a cached plan is found to be outdated; such names are not translated.
const REVALIDATION: &str = "RevalidateCachedQuery";

/// What the server says when it ends a connection, or takes none.
const ENDING: [SqlState; 6] = [
    SqlState::ADMIN_SHUTDOWN,
    SqlState::CRASH_SHUTDOWN,
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::DATABASE_DROPPED,
    SqlState::IDLE_SESSION_TIMEOUT,
    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
];

fn is_of_class(code: &SqlState, class: &str) -> bool {
    code.code().starts_with(class)
}

impl From<tokio_postgres::Error> for ServerError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(error)
    }
}

impl From<ServerError> for DieselError {
    fn from(error: ServerError) -> Self {
        Self::QueryBuilderError(Box::new(error))
    }
}

impl std::error::Error for ServerError {}

/// Without what the server adds in detail, which may repeat values of a row.
impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.said() {
            Some(said) => {
                write!(f, "{} (SQLSTATE {})", said.message(), said.code().code())?;
                // Once in a while this is the work of a DEALLOCATE, and is not seen: the statement is prepared anew.
                if self.is_stale_statement() && !self.is_feature() {
                    write!(f, "; {POOLED}")?;
                }
                Ok(())
            }
            None => f.write_str(&describe(&self.0)),
        }
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerError({self})")
    }
}
