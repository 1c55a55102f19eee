//! What can go wrong with a database, sorted by what a caller can do about it.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

/// An error of the database layer.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database cannot serve now; trying again later may work.
    #[error("the database is unavailable")]
    Unavailable(#[source] Unavailable),
    /// A value that must be unique is there already.
    #[error("the unique constraint {constraint} was violated")]
    Unique {
        /// The constraint's name in PostgreSQL; SQLite's columns are translated to it.
        constraint: String,
    },
    /// Connections cannot be protected as the address asks.
    #[error("TLS to PostgreSQL cannot be set up: {0}")]
    Tls(String),
    /// Anything else: a defect of ours or of the schema.
    #[error("the database refused a query")]
    Query(#[source] DieselError),
    /// A migration failed; nothing of it was applied.
    #[error("migrating the database failed")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why the database cannot serve now.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Every connection is in use and stayed so.
    #[error("no connection became free in time")]
    PoolExhausted,
    /// No connection can be opened.
    #[error("cannot connect: {0}")]
    CannotConnect(String),
    /// The connection broke, the server stops or starts, or a statement or lock took too long.
    #[error("the statement was not finished")]
    Interrupted(#[source] DieselError),
    /// Nothing was heard in time.
    #[error("no answer in time")]
    NoAnswer,
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
                Self::Unique { constraint: constraint_of(info.as_ref()) }
            }
            other if is_passing(other) => Self::Unavailable(Unavailable::Interrupted(error)),
            _ => Self::Query(error),
        }
    }
}

/// PostgreSQL names the constraint; SQLite says "UNIQUE constraint failed: table.column".
fn constraint_of(info: &dyn DatabaseErrorInformation) -> String {
    if let Some(name) = info.constraint_name() {
        return name.to_owned();
    }
    let columns = info.message().rsplit(": ").next().unwrap_or_default();
    format!("{}_key", columns.replace('.', "_"))
}

/// Whether the same statement may succeed later. Neither driver passes on the codes of most of these errors, so
/// their texts have to do.
fn is_passing(error: &DieselError) -> bool {
    use DatabaseErrorKind::{ClosedConnection, SerializationFailure};
    const PASSING: [&str; 15] = [
        "canceling statement due to statement timeout",
        "canceling statement due to lock timeout",
        "terminating connection ",
        "deadlock detected",
        "the database system is",
        "too many clients already",
        "remaining connection slots are reserved",
        "connection closed",
        "error communicating with the server",
        "channel closed",
        "channel lagged",
        "canceling statement due to conflict with recovery",
        "database is locked",
        "database table is locked",
        "server closed the connection",
    ];
    match error {
        DieselError::BrokenTransactionManager
        | DieselError::DatabaseError(ClosedConnection | SerializationFailure, _) => true,
        DieselError::DatabaseError(_, info) => PASSING.iter().any(|text| info.message().contains(text)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database_error(kind: DatabaseErrorKind, message: &str) -> DbError {
        DieselError::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn sqlite_and_postgres_name_the_same_constraint() {
        let error =
            database_error(DatabaseErrorKind::UniqueViolation, "UNIQUE constraint failed: users.email");
        assert!(matches!(error, DbError::Unique { constraint } if constraint == "users_email_key"));
    }

    #[test]
    fn only_passing_troubles_count_as_unavailable() {
        let locked = database_error(DatabaseErrorKind::Unknown, "database is locked");
        assert!(matches!(locked, DbError::Unavailable(_)));
        for lost in [
            "connection closed",
            "error communicating with the server: Connection reset by peer (os error 104)",
            "channel closed",
        ] {
            let lost = database_error(DatabaseErrorKind::UnableToSendCommand, lost);
            assert!(matches!(lost, DbError::Unavailable(_)), "{lost:?}");
        }
        let crash = "terminating connection because of crash of another server process";
        assert!(matches!(database_error(DatabaseErrorKind::Unknown, crash), DbError::Unavailable(_)));
        let defect = database_error(DatabaseErrorKind::Unknown, "column \"nope\" does not exist");
        assert!(matches!(defect, DbError::Query(_)));
    }
}
