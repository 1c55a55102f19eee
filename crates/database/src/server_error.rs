//! Errors of PostgreSQL, told apart by SQLSTATE: their texts are in the server's language.

use std::fmt;

use diesel::result::Error as DieselError;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// What to do where a pooler shares sessions.
pub(crate) const POOLER_HINT: &str = "behind a connection pooler that shares sessions between transactions, set DB_POOL_MODE=transaction; \
     MIGRATION_DATABASE_URL has to lead to the server itself";

/// An error of PostgreSQL, or of the connection to it.
///
/// Diesel's database errors have no SQLSTATE, so this is the source of a `QueryBuilderError`, which
/// takes any.
pub(crate) struct ServerError(tokio_postgres::Error);

impl ServerError {
    /// The source of `error`, if it came from PostgreSQL.
    pub(crate) fn of(error: &DieselError) -> Option<&Self> {
        match error {
            DieselError::QueryBuilderError(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// What the server said; `None` if the exchange broke off or violated the protocol.
    fn said(&self) -> Option<&DbError> {
        self.0.as_db_error()
    }

    fn code(&self) -> Option<&SqlState> {
        self.said().map(DbError::code)
    }

    /// The unique constraint that was violated.
    pub(crate) fn unique_constraint(&self) -> Option<&str> {
        let said = self.said()?;
        (*said.code() == SqlState::UNIQUE_VIOLATION).then(|| said.constraint().unwrap_or_default())
    }

    /// Whether the connection is lost, or ended by the server.
    pub(crate) fn is_lost_connection(&self) -> bool {
        let Some(said) = self.said() else { return true };
        matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            // Of poolers that send no severity: broken connections, and servers that stop or start.
            || is_of_class(said.code(), &["08", "57P"])
            || *said.code() == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
    }

    /// Whether the server takes no writes because it is, or has become, a replica.
    pub(crate) fn is_read_only(&self) -> bool {
        self.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Whether a replica cancelled a query, or its connection, to go on replaying. For a single
    /// read outside of a transaction, nothing else has this code.
    pub(crate) fn is_recovery_conflict(&self) -> bool {
        self.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
    }

    /// Whether a prepared statement is outdated: its table was altered, or the server has forgotten
    /// it or knows another by its name. Prepared anew, it succeeds.
    pub(crate) fn is_stale_statement(&self) -> bool {
        // "Cached plan must not change result type" has no code of its own, but names of functions
        // are not translated.
        let is_altered = |said: &DbError| said.routine() == Some("RevalidateCachedQuery");
        self.is_unknown_statement()
            || self.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) && self.said().is_some_and(is_altered)
    }

    /// Whether the server has forgotten a prepared statement, or knows another by its name.
    fn is_unknown_statement(&self) -> bool {
        const UNKNOWN: [SqlState; 2] = [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT];
        self.code().is_some_and(|code| UNKNOWN.contains(code))
    }

    /// Whether the same statement may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        const TRANSIENT: [SqlState; 6] = [
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            // The disk of the server.
            SqlState::IO_ERROR,
        ];
        self.is_lost_connection()
            || self.is_stale_statement()
            // Too many connections, no memory, no room on the disk.
            || self.code().is_some_and(|code| is_of_class(code, &["53"]) || TRANSIENT.contains(code))
    }
}

/// The driver's own message is "db error" or "error connecting"; the reason is its source.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn is_of_class(code: &SqlState, classes: &[&str]) -> bool {
    classes.iter().any(|class| code.code().starts_with(class))
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

/// Without the server's details, which may repeat values of a row.
impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.said() {
            Some(said) => {
                write!(f, "{} (SQLSTATE {})", said.message(), said.code().code())?;
                // After a mere DEALLOCATE this does not show: the statement is prepared anew.
                if self.is_unknown_statement() {
                    write!(f, "; {POOLER_HINT}")?;
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
