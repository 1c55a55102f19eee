//! The schema's history, in the binary, applied by one process at a time.

mod pending;

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use diesel::Connection as _;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use diesel::migration::MigrationSource;
use diesel_async::{
    AnsiTransactionManager, AsyncMigrationHarness, SimpleAsyncConnection, TransactionManager,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connect::{SQLITE_BUSY_TIMEOUT_MS, Server};
use super::error::{DbError, Unavailable};
use super::postgres::MigrationConnection;
use crate::core::settings::{DatabaseUrl, PoolMode, PostgresUrl, Settings};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Names the advisory lock under which one instance migrates while the others wait.
const POSTGRES_LOCK: i64 = 0x6772_7500;

/// Migrates as the settings say: where, and by which way.
///
/// # Errors
/// As [`run`].
pub async fn run_for(settings: &Settings) -> Result<Vec<String>, DbError> {
    match (&settings.migration_database_url, &settings.database_url) {
        (Some(url), DatabaseUrl::Postgres(_)) => run_in_session(url).await,
        (None, DatabaseUrl::Postgres(url)) if settings.db_pool_mode == PoolMode::Transaction => {
            run_in_transaction(url).await
        }
        (_, url) => run(url).await,
    }
}

/// Checks that nothing is to be migrated, without changing anything: a role that may only read and write rows can.
///
/// # Errors
/// [`DbError::OutdatedSchema`] when a migration is missing; when the database cannot be reached.
pub async fn require_newest(settings: &Settings) -> Result<(), DbError> {
    let pending = match &settings.database_url {
        DatabaseUrl::Postgres(url) => {
            pending::on_postgres(&mut connect(url, settings.db_pool_mode).await?).await?
        }
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || pending::on_sqlite(&path))
                .await
                .map_err(|error| DbError::Migration(error.into()))??
        }
    };
    if pending.is_empty() { Ok(()) } else { Err(DbError::OutdatedSchema { pending }) }
}

/// Brings the database to the newest schema and returns the versions of what was applied: nothing, usually.
/// Several instances may call this at once; one does the work.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn run(url: &DatabaseUrl) -> Result<Vec<String>, DbError> {
    match url {
        DatabaseUrl::Postgres(url) => run_in_session(url).await,
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || run_on_sqlite(&path))
                .await
                .map_err(|error| DbError::Migration(error.into()))?
        }
    }
}

async fn connect(url: &PostgresUrl, mode: PoolMode) -> Result<MigrationConnection, DbError> {
    let session = Server::new(url, mode)?.open().await.map_err(|error| cannot_connect(&error))?;
    Ok(MigrationConnection::new(session))
}

async fn run_in_session(url: &PostgresUrl) -> Result<Vec<String>, DbError> {
    let mut connection = connect(url, PoolMode::Session).await?;
    // Before anything that needs rights beyond reading and writing rows.
    if pending::on_postgres(&mut connection).await?.is_empty() {
        return Ok(Vec::new());
    }
    // Ends with the connection, whatever happens.
    connection.batch_execute(&format!("SELECT pg_advisory_lock({POSTGRES_LOCK})")).await?;
    apply(&mut AsyncMigrationHarness::new(connection), POSTGRES)
}

/// A lock of a session would stay with the pooler's. So everything is one transaction, and the lock ends with it.
async fn run_in_transaction(url: &PostgresUrl) -> Result<Vec<String>, DbError> {
    let mut connection = connect(url, PoolMode::Transaction).await?;
    if pending::on_postgres(&mut connection).await?.is_empty() {
        return Ok(Vec::new());
    }
    AnsiTransactionManager::begin_transaction(&mut connection).await?;
    let lock = format!("SET LOCAL TimeZone = 'UTC'; SELECT pg_advisory_xact_lock({POSTGRES_LOCK})");
    connection.batch_execute(&lock).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let applied = apply(&mut harness, POSTGRES)?;
    AnsiTransactionManager::commit_transaction(&mut harness.into_inner()).await?;
    Ok(applied)
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
