//! The schema's history, in the binary, applied by one process at a time.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio_postgres::SimpleQueryMessage;

use super::connect::{CONNECT_TIMEOUT, SQLITE_BUSY_TIMEOUT_MS, Server};
use super::error::{DbError, Unavailable};
use super::postgres::MigrationConnection;
use crate::core::settings::{DatabaseUrl, PostgresUrl};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Names the advisory lock under which one instance migrates while the others wait.
const POSTGRES_LOCK: i64 = 0x6772_7500;

/// The table in which Diesel notes what was applied.
const APPLIED: &str = "__diesel_schema_migrations";

/// Checks that nothing is to be migrated, without changing anything: a role that may only read and write rows can.
///
/// # Errors
/// [`DbError::OutdatedSchema`] when a migration is missing; when the database cannot be reached.
pub async fn require_newest(url: &DatabaseUrl) -> Result<(), DbError> {
    match pending(url).await? {
        pending if pending.is_empty() => Ok(()),
        pending => Err(DbError::OutdatedSchema { pending }),
    }
}

/// The versions of the migrations that were not applied.
async fn pending(url: &DatabaseUrl) -> Result<Vec<String>, DbError> {
    match url {
        DatabaseUrl::Postgres(url) => pending_on_postgres(url).await,
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || pending_on_sqlite(&path))
                .await
                .map_err(|error| DbError::Migration(error.into()))?
        }
    }
}

async fn pending_on_postgres(url: &PostgresUrl) -> Result<Vec<String>, DbError> {
    let server = Server::new(url)?;
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, server.client()).await;
    let client = connecting
        .map_err(|_| DbError::Unavailable(Unavailable::NoAnswer))?
        .map_err(|error| cannot_connect(&error))?;
    let failed = |error: tokio_postgres::Error| DbError::Migration(error.into());
    let column = async |query: &str| -> Result<Vec<String>, tokio_postgres::Error> {
        let messages = client.simple_query(query).await?;
        let value = |message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(value).collect())
    };
    let there = column(&format!("SELECT to_regclass('{APPLIED}')")).await.map_err(failed)?;
    let applied = match there.is_empty() {
        true => Vec::new(),
        false => column(&format!("SELECT version FROM {APPLIED}")).await.map_err(failed)?,
    };
    missing::<diesel::pg::Pg>(POSTGRES, &applied)
}

fn pending_on_sqlite(path: &Path) -> Result<Vec<String>, DbError> {
    diesel::table! {
        sqlite_master (name) {
            name -> Text,
        }
    }
    diesel::table! {
        __diesel_schema_migrations (version) {
            version -> Text,
        }
    }
    // Connecting would make the file.
    if !path.exists() {
        return missing::<diesel::sqlite::Sqlite>(SQLITE, &[]);
    }
    let mut connection =
        SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| cannot_connect(&error))?;
    connection.batch_execute(&format!("PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}"))?;
    let tables: i64 =
        sqlite_master::table.filter(sqlite_master::name.eq(APPLIED)).count().get_result(&mut connection)?;
    let applied = match tables {
        0 => Vec::new(),
        _ => __diesel_schema_migrations::table
            .select(__diesel_schema_migrations::version)
            .load(&mut connection)?,
    };
    missing::<diesel::sqlite::Sqlite>(SQLITE, &applied)
}

/// The versions of `migrations` that are not among those applied, in their order.
fn missing<DB: diesel::backend::Backend>(
    migrations: impl MigrationSource<DB>,
    applied: &[String],
) -> Result<Vec<String>, DbError> {
    let known = migrations.migrations().map_err(DbError::Migration)?;
    let mut missing: Vec<_> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    missing.retain(|version| !applied.contains(version));
    missing.sort();
    Ok(missing)
}

/// Brings the database to the newest schema and returns the versions of what was applied: nothing, usually.
/// Several instances may call this at once; one does the work.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn run(url: &DatabaseUrl) -> Result<Vec<String>, DbError> {
    match url {
        DatabaseUrl::Postgres(url) => run_on_postgres(url).await,
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || run_on_sqlite(&path))
                .await
                .map_err(|error| DbError::Migration(error.into()))?
        }
    }
}

async fn run_on_postgres(url: &PostgresUrl) -> Result<Vec<String>, DbError> {
    // Before anything that needs rights beyond reading and writing rows.
    if pending_on_postgres(url).await?.is_empty() {
        return Ok(Vec::new());
    }
    let session = Server::new(url)?.open().await.map_err(|error| cannot_connect(&error))?;
    let mut connection = MigrationConnection::new(session);
    // Ends with the connection, whatever happens.
    connection.batch_execute(&format!("SELECT pg_advisory_lock({POSTGRES_LOCK})")).await?;
    apply(&mut AsyncMigrationHarness::new(connection), POSTGRES)
}

fn run_on_sqlite(path: &Path) -> Result<Vec<String>, DbError> {
    // SQLite itself would make it readable for everybody; its log takes the mode of the file.
    open_private(path).map_err(|error| cannot_open(path, &error))?;
    // SQLite's own locks make the second process fail instead of wait; the operating system's make it wait.
    let lock = open_private(&lock_path(path)).and_then(|file| file.lock().map(|()| file));
    let lock = lock.map_err(|error| cannot_open(path, &error))?;
    let mut connection =
        SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| cannot_connect(&error))?;
    // Instances that serve meanwhile hold the file for a moment now and then.
    connection.batch_execute(&format!("PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}"))?;
    // The file keeps this. Left to the first connections of the pools, some would fail: SQLite does not wait for
    // a lock when it changes the mode.
    connection.batch_execute("PRAGMA journal_mode = WAL")?;
    let applied = apply(&mut connection, SQLITE);
    drop(lock);
    applied
}

/// Makes a file that only its owner can read; one that is there keeps its mode and its content.
fn open_private(path: &Path) -> std::io::Result<File> {
    File::options().create(true).append(true).mode(0o600).open(path)
}

fn cannot_open(path: &Path, error: &std::io::Error) -> DbError {
    DbError::Unavailable(Unavailable::CannotConnect(format!("{}: {error}", path.display())))
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".migration-lock");
    path.into()
}

fn apply<DB, C>(harness: &mut C, migrations: impl MigrationSource<DB>) -> Result<Vec<String>, DbError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
{
    let applied = harness.run_pending_migrations(migrations).map_err(DbError::Migration)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn cannot_connect(error: &diesel::ConnectionError) -> DbError {
    DbError::Unavailable(Unavailable::CannotConnect(error.to_string()))
}
