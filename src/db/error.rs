//! What can go wrong with a database, sorted by what a caller can do about it.

use crate::core::files::Exposed;
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
    /// The database file is open to users of the machine who must not read or change it.
    #[error("the database cannot be used")]
    Exposed(#[source] Exposed),
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
    /// The connection broke, the server stops or starts, a statement or lock took too long, or its disk is full.
    #[error("the statement was not finished")]
    Interrupted(#[source] DieselError),
    /// Nothing was heard in time.
    #[error("no answer in time")]
    NoAnswer,
}

impl DbError {
    /// Whether the server cannot be reached, ends, or starts: the next query would find the same.
    pub(super) fn is_lost_connection(&self) -> bool {
        match self {
            Self::Unavailable(Unavailable::CannotConnect(_) | Unavailable::NoAnswer) => true,
            Self::Unavailable(Unavailable::Interrupted(error)) => match error {
                DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => false,
                DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
                | DieselError::BrokenTransactionManager => true,
                DieselError::DatabaseError(_, info) => LOST.iter().any(|text| info.message().contains(text)),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a replica gave up a query, or its connection, to go on replaying.
    pub(super) fn is_recovery_conflict(&self) -> bool {
        let Self::Unavailable(Unavailable::Interrupted(DieselError::DatabaseError(kind, info))) = self else {
            return false;
        };
        // A single read cannot be out of order with anything else.
        matches!(kind, DatabaseErrorKind::SerializationFailure) || info.message().contains(CONFLICT)
    }

    /// The cause without what is around it.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Unavailable(Unavailable::Interrupted(error)) => error.to_string(),
            Self::Unavailable(unavailable) => unavailable.to_string(),
            other => other.to_string(),
        }
    }
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

/// What a replica says that ends a query or a connection because it is in the way of what has to be replayed.
const CONFLICT: &str = "conflict with recovery";

/// What is said when the connection is no more.
const LOST: [&str; 7] = [
    "terminating connection ",
    "the database system is",
    "connection closed",
    "error communicating with the server",
    "channel closed",
    "channel lagged",
    "server closed the connection",
];

/// Whether the same statement may succeed later. Neither driver passes on the codes of most of these errors, so
/// their texts have to do.
fn is_passing(error: &DieselError) -> bool {
    use DatabaseErrorKind::{ClosedConnection, SerializationFailure};
    const PASSING: [&str; 11] = [
        "canceling statement due to statement timeout",
        "canceling statement due to lock timeout",
        "deadlock detected",
        "too many clients already",
        "remaining connection slots are reserved",
        "database is locked",
        "database table is locked",
        // A disk without room, in the words of SQLite (the second under a limit or a quota) and of PostgreSQL.
        "database or disk is full",
        "disk I/O error",
        "No space left on device",
        CONFLICT,
    ];
    match error {
        DieselError::BrokenTransactionManager
        | DieselError::DatabaseError(ClosedConnection | SerializationFailure, _) => true,
        DieselError::DatabaseError(_, info) => {
            PASSING.iter().chain(&LOST).any(|text| info.message().contains(text))
        }
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

    #[test]
    fn a_disk_without_room_is_a_passing_trouble() {
        use diesel::connection::SimpleConnection;
        use diesel::{Connection, SqliteConnection};
        let mut full = SqliteConnection::establish(":memory:").unwrap();
        full.batch_execute("CREATE TABLE things (thing BLOB); PRAGMA max_page_count = 2").unwrap();
        let error = full.batch_execute("INSERT INTO things VALUES (zeroblob(100000))").unwrap_err();
        let error = DbError::from(error);
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
        let text = "could not extend file \"base/5/16384\": No space left on device";
        assert!(matches!(database_error(DatabaseErrorKind::Unknown, text), DbError::Unavailable(_)));
    }

    #[test]
    fn a_read_is_repeated_elsewhere_when_the_server_is_lost_or_busy_replaying() {
        use DatabaseErrorKind::{SerializationFailure, UnableToSendCommand, Unknown};
        for (kind, message, lost, conflict) in [
            (SerializationFailure, "canceling statement due to conflict with recovery", false, true),
            (Unknown, "terminating connection due to conflict with recovery", true, true),
            (Unknown, "terminating connection due to administrator command", true, false),
            (UnableToSendCommand, "connection closed", true, false),
            (Unknown, "canceling statement due to statement timeout", false, false),
            (Unknown, "column \"nope\" does not exist", false, false),
        ] {
            let error = database_error(kind, message);
            assert_eq!(error.is_lost_connection(), lost, "{message}");
            assert_eq!(error.is_recovery_conflict(), conflict, "{message}");
        }
        assert!(DbError::Unavailable(Unavailable::CannotConnect(String::new())).is_lost_connection());
        assert!(!DbError::Unavailable(Unavailable::PoolExhausted).is_lost_connection());
    }
}
