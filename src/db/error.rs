//! What can go wrong with a database, sorted by what a caller can do about it.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

use super::server_error::ServerError;

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
    /// Migrations were not applied, and this process is told to apply none.
    #[error(
        "the schema of the database is not the newest and MIGRATE_ON_START is false: run `groundwork migrate` with a role \
         that may change the schema (not applied: {})",
        .pending.join(", ")
    )]
    OutdatedSchema {
        /// Their versions.
        pending: Vec<String>,
    },
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
            Self::Unavailable(Unavailable::Interrupted(error)) => {
                ServerError::of(error).is_some_and(ServerError::is_lost_connection)
            }
            _ => false,
        }
    }

    /// Whether a replica gave up a query, or its connection, to go on replaying.
    pub(super) fn is_recovery_conflict(&self) -> bool {
        let Self::Unavailable(Unavailable::Interrupted(error)) = self else { return false };
        ServerError::of(error).is_some_and(ServerError::is_recovery_conflict)
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
        let is_passing = match (&error, ServerError::of(&error)) {
            (_, Some(said)) => {
                if let Some(constraint) = said.unique_constraint() {
                    return Self::Unique { constraint: constraint.to_owned() };
                }
                said.is_passing()
            }
            (DieselError::DatabaseError(kind, info), None) => match of_sqlite(*kind, info.as_ref()) {
                OfSqlite::Unique { constraint } => return Self::Unique { constraint },
                OfSqlite::Passing => true,
                OfSqlite::Other => false,
            },
            (DieselError::BrokenTransactionManager, None) => true,
            _ => false,
        };
        if is_passing { Self::Unavailable(Unavailable::Interrupted(error)) } else { Self::Query(error) }
    }
}

/// What an error of SQLite comes to.
#[derive(Debug, PartialEq, Eq)]
enum OfSqlite {
    Unique {
        constraint: String,
    },
    /// The same statement may succeed later.
    Passing,
    Other,
}

/// Diesel passes on no codes of SQLite. Its texts have to do: they are compiled in and are in English everywhere.
fn of_sqlite(kind: DatabaseErrorKind, info: &dyn DatabaseErrorInformation) -> OfSqlite {
    const PASSING: [&str; 4] = [
        "database is locked",
        "database table is locked",
        // A disk without room; the second under a limit or a quota.
        "database or disk is full",
        "disk I/O error",
    ];
    let message = info.message();
    match kind {
        // "UNIQUE constraint failed: table.column", which PostgreSQL calls `table_column_key`.
        DatabaseErrorKind::UniqueViolation => {
            let columns = message.rsplit(": ").next().unwrap_or_default();
            OfSqlite::Unique { constraint: format!("{}_key", columns.replace('.', "_")) }
        }
        _ if PASSING.iter().any(|text| message.contains(text)) => OfSqlite::Passing,
        _ => OfSqlite::Other,
    }
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
    }

    #[test]
    fn a_file_that_another_process_holds_is_a_passing_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("held.db");
        let mut holder = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        holder.batch_execute("CREATE TABLE things (thing); BEGIN IMMEDIATE").unwrap();
        let error = refused(path.to_str().unwrap(), &["INSERT INTO things VALUES (1)"]);
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn a_table_that_is_held_through_a_shared_cache_is_a_passing_trouble() {
        let path = "file:held?mode=memory&cache=shared";
        let mut holder = SqliteConnection::establish(path).unwrap();
        holder.batch_execute("CREATE TABLE things (thing); BEGIN; INSERT INTO things VALUES (1)").unwrap();
        let error = refused(path, &["SELECT * FROM things"]);
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn a_disk_without_room_is_a_passing_trouble() {
        let made = "CREATE TABLE things (thing BLOB); PRAGMA max_page_count = 2";
        let error = refused(":memory:", &[made, "INSERT INTO things VALUES (zeroblob(100000))"]);
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn what_fails_each_time_is_no_passing_trouble() {
        let error = refused(":memory:", &["SELECT nope"]);
        assert!(matches!(error, DbError::Query(_)), "{error:?}");
    }

    #[test]
    fn only_a_server_that_cannot_be_reached_is_lost() {
        assert!(DbError::Unavailable(Unavailable::CannotConnect(String::new())).is_lost_connection());
        assert!(!DbError::Unavailable(Unavailable::PoolExhausted).is_lost_connection());
    }
}
