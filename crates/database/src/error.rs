//! Errors, by what a caller can do about them.

use std::io;
use std::path::Path;

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use groundwork_files::Exposed;

use crate::server_error::ServerError;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database cannot serve now; trying again later may work.
    #[error("the database is unavailable")]
    Unavailable(#[source] Unavailable),
    /// A value that must be unique exists already.
    #[error("the unique constraint {constraint} was violated")]
    Unique {
        /// The constraint's name in PostgreSQL, also for SQLite.
        constraint: String,
    },
    /// Connections cannot be protected as the address asks.
    #[error("TLS to PostgreSQL cannot be set up: {0}")]
    Tls(String),
    /// The database file is open to users of the machine who must not read or change it.
    #[error("the database cannot be used")]
    Exposed(#[source] Exposed),
    /// Anything else: a defect of the application or of the schema.
    #[error("the database refused a query")]
    Query(#[source] DieselError),
    /// A migration failed; nothing of it was applied.
    #[error("migrating the database failed")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why the database cannot serve now.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Every connection stayed in use.
    #[error("no connection became free in time")]
    PoolExhausted,
    /// No connection can be opened.
    #[error("cannot connect: {0}")]
    CannotConnect(String),
    /// The connection broke, the server stops or starts, a statement or lock took too long, or the
    /// disk is full.
    #[error("the statement was not finished")]
    Interrupted(#[source] DieselError),
    /// The database stayed silent.
    #[error("no answer in time")]
    NoAnswer,
}

impl DbError {
    pub(crate) fn cannot_connect(error: &ConnectionError) -> Self {
        Self::Unavailable(Unavailable::CannotConnect(error.to_string()))
    }

    pub(crate) fn cannot_open(path: &Path, error: &io::Error) -> Self {
        Self::Unavailable(Unavailable::CannotConnect(format!("{}: {error}", path.display())))
    }

    /// Whether the connection of a statement broke, or the server ended it.
    pub(crate) fn is_lost_connection(&self) -> bool {
        self.server_error().is_some_and(ServerError::is_lost_connection)
    }

    /// Why the server cannot be reached, ends, or starts, if that is it: the next query would fail
    /// in the same way.
    pub(crate) fn unreachable_reason(&self) -> Option<String> {
        match self {
            Self::Unavailable(Unavailable::Interrupted(error)) if self.is_lost_connection() => {
                Some(error.to_string())
            }
            Self::Unavailable(away @ (Unavailable::CannotConnect(_) | Unavailable::NoAnswer)) => {
                Some(away.to_string())
            }
            _ => None,
        }
    }

    /// Whether a replica cancelled a query, or its connection, to go on replaying.
    pub(crate) fn is_recovery_conflict(&self) -> bool {
        self.server_error().is_some_and(ServerError::is_recovery_conflict)
    }

    /// What PostgreSQL said of a statement that may succeed later.
    fn server_error(&self) -> Option<&ServerError> {
        let Self::Unavailable(Unavailable::Interrupted(error)) = self else { return None };
        ServerError::of(error)
    }

    /// Passes this through an interface of Diesel; the way back is `From`.
    pub(crate) fn into_diesel(self) -> DieselError {
        DieselError::QueryBuilderError(Box::new(self))
    }
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        let error = match error {
            DieselError::QueryBuilderError(source) => match source.downcast::<Self>() {
                Ok(error) => return *error,
                Err(source) => DieselError::QueryBuilderError(source),
            },
            error => error,
        };
        let is_transient = match (&error, ServerError::of(&error)) {
            (_, Some(said)) => {
                if let Some(constraint) = said.unique_constraint() {
                    return Self::Unique { constraint: constraint.to_owned() };
                }
                said.is_transient()
            }
            (DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info), None) => {
                return Self::Unique { constraint: constraint_in_sqlite(info.message()) };
            }
            (DieselError::DatabaseError(_, info), None) => is_transient_in_sqlite(info.message()),
            (error, None) => matches!(error, DieselError::BrokenTransactionManager),
        };
        if is_transient { Self::Unavailable(Unavailable::Interrupted(error)) } else { Self::Query(error) }
    }
}

/// The name that PostgreSQL gives to the constraint, `table_column_other_key`, of SQLite's "UNIQUE
/// constraint failed: table.column, table.other".
fn constraint_in_sqlite(message: &str) -> String {
    let mut columns = message.rsplit(": ").next().unwrap_or_default().split(", ");
    let mut name = columns.next().unwrap_or_default().replace('.', "_");
    for column in columns {
        name.push('_');
        name.push_str(column.rsplit('.').next().unwrap_or_default());
    }
    name + "_key"
}

/// Whether the same statement may succeed later. Diesel passes on no codes of SQLite, so its texts
/// decide. They are compiled in, and English everywhere.
fn is_transient_in_sqlite(message: &str) -> bool {
    const TRANSIENT: [&str; 4] = [
        "database is locked",
        "database table is locked",
        // A full disk, and one with a limit or a quota.
        "database or disk is full",
        "disk I/O error",
    ];
    TRANSIENT.iter().any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};

    use super::*;

    /// What comes of a statement on a new connection to this file.
    fn refused(path: &str, statements: &[&str]) -> DbError {
        let mut connection = SqliteConnection::establish(path).unwrap();
        let (last, before) = statements.split_last().unwrap();
        for statement in before {
            connection.batch_execute(statement).unwrap();
        }
        connection.batch_execute(last).unwrap_err().into()
    }

    #[test]
    fn sqlite_names_a_unique_constraint_as_postgresql_does() {
        let insert = "INSERT INTO users VALUES ('ada@example.com')";
        let error = refused(":memory:", &["CREATE TABLE users (email TEXT UNIQUE)", insert, insert]);
        assert!(matches!(error, DbError::Unique { constraint } if constraint == "users_email_key"));
        let table = "CREATE TABLE seats (hall INTEGER, number INTEGER, UNIQUE (hall, number))";
        let insert = "INSERT INTO seats VALUES (1, 2)";
        let error = refused(":memory:", &[table, insert, insert]);
        assert!(matches!(error, DbError::Unique { constraint } if constraint == "seats_hall_number_key"));
    }

    #[test]
    fn a_file_that_another_process_holds_is_a_transient_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("held.db");
        let mut holder = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        holder.batch_execute("CREATE TABLE things (thing); BEGIN IMMEDIATE").unwrap();
        let error = refused(path.to_str().unwrap(), &["INSERT INTO things VALUES (1)"]);
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn a_table_that_is_held_through_a_shared_cache_is_a_transient_error() {
        let path = "file:held?mode=memory&cache=shared";
        let mut holder = SqliteConnection::establish(path).unwrap();
        holder.batch_execute("CREATE TABLE things (thing); BEGIN; INSERT INTO things VALUES (1)").unwrap();
        let error = refused(path, &["SELECT * FROM things"]);
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn a_disk_without_room_is_a_transient_error() {
        let made = "CREATE TABLE things (thing BLOB); PRAGMA max_page_count = 2";
        let error = refused(":memory:", &[made, "INSERT INTO things VALUES (zeroblob(100000))"]);
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn what_fails_each_time_is_no_transient_error() {
        let error = refused(":memory:", &["SELECT nope"]);
        assert!(matches!(error, DbError::Query(_)), "{error:?}");
    }

    #[test]
    fn only_a_server_that_cannot_be_reached_is_unreachable() {
        let refused = DbError::Unavailable(Unavailable::CannotConnect("refused".to_owned()));
        assert_eq!(refused.unreachable_reason().as_deref(), Some("cannot connect: refused"));
        assert_eq!(DbError::Unavailable(Unavailable::PoolExhausted).unreachable_reason(), None);
    }
}
