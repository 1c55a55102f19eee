//! Applies migrations, by one process at a time.

mod pending;

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use diesel::migration::{MigrationSource, MigrationVersion};
use diesel_async::{
    AnsiTransactionManager, AsyncMigrationHarness, SimpleAsyncConnection, TransactionManager,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::error::DbError;
use crate::files::{MIGRATION_LOCK, beside};
use crate::postgres::MigrationConnection;
use crate::sqlite;
use crate::url::{DatabaseUrl, PoolMode, PostgresUrl};

/// The history of a schema on both databases.
pub struct Migrations {
    /// For PostgreSQL.
    pub postgres: EmbeddedMigrations,
    /// For SQLite.
    pub sqlite: EmbeddedMigrations,
    /// The id of the advisory lock of PostgreSQL under which one process migrates while others
    /// wait.
    pub lock: i64,
}

impl Migrations {
    /// Brings the database to the newest schema and returns the versions of what was applied.
    /// Any number of processes may call this at once; one does the work.
    ///
    /// # Errors
    /// When the database cannot be reached or a migration fails.
    pub async fn run(self, url: &DatabaseUrl, mode: PoolMode) -> Result<Vec<String>, DbError> {
        match url {
            DatabaseUrl::Postgres(url) => self.run_on_postgres(url, mode).await,
            DatabaseUrl::Sqlite(path) => on_thread(path, move |path| self.run_on_sqlite(path)).await,
        }
    }

    /// The versions of the migrations that are not applied, found by reading alone: a role that may
    /// not change the schema can.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn pending(self, url: &DatabaseUrl, mode: PoolMode) -> Result<Vec<String>, DbError> {
        match url {
            DatabaseUrl::Postgres(url) => {
                pending::on_postgres(&self.postgres, &mut MigrationConnection::open(url, mode).await?).await
            }
            DatabaseUrl::Sqlite(path) => {
                on_thread(path, move |path| pending::on_sqlite(&self.sqlite, path)).await
            }
        }
    }

    /// Reverts every migration, which deletes all tables and their rows, and returns the versions.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn revert_all(self, url: &DatabaseUrl) -> Result<Vec<String>, DbError> {
        match url {
            DatabaseUrl::Postgres(url) => {
                let connection = MigrationConnection::open(url, PoolMode::Session).await?;
                versions(AsyncMigrationHarness::new(connection).revert_all_migrations(self.postgres))
            }
            DatabaseUrl::Sqlite(path) => {
                on_thread(path, move |path| {
                    let (_lock, mut connection) = open_locked(path)?;
                    versions(connection.revert_all_migrations(self.sqlite))
                })
                .await
            }
        }
    }

    async fn run_on_postgres(self, url: &PostgresUrl, mode: PoolMode) -> Result<Vec<String>, DbError> {
        let mut connection = MigrationConnection::open(url, mode).await?;
        // First of all, with no more rights than to read rows.
        if pending::on_postgres(&self.postgres, &mut connection).await?.is_empty() {
            return Ok(Vec::new());
        }
        let lock = match mode {
            // Released with the connection, whatever happens.
            PoolMode::Session => format!("SELECT pg_advisory_lock({})", self.lock),
            // A session's lock would stay with the pooler's session. So all is one transaction,
            // which releases the lock.
            PoolMode::Transaction => {
                AnsiTransactionManager::begin_transaction(&mut connection).await?;
                format!("SET LOCAL TimeZone = 'UTC'; SELECT pg_advisory_xact_lock({})", self.lock)
            }
        };
        connection.batch_execute(&lock).await?;
        let mut harness = AsyncMigrationHarness::new(connection);
        let applied = apply(&mut harness, self.postgres)?;
        if mode == PoolMode::Transaction {
            AnsiTransactionManager::commit_transaction(&mut harness.into_inner()).await?;
        }
        Ok(applied)
    }

    fn run_on_sqlite(self, path: &Path) -> Result<Vec<String>, DbError> {
        let (_lock, mut connection) = open_locked(path)?;
        apply(&mut connection, self.sqlite)
    }
}

/// A connection to a SQLite database, which is created if it is missing, and the lock under which
/// one process migrates.
fn open_locked(path: &Path) -> Result<(File, diesel::SqliteConnection), DbError> {
    // SQLite would make it world-readable; its log takes the mode of the file.
    open_private(path)?;
    // SQLite's own locks make the second process fail; the operating system's make it wait.
    let lock = open_private(&beside(path, MIGRATION_LOCK))?;
    lock.lock().map_err(|error| DbError::cannot_open(path, &error))?;
    let connection =
        sqlite::open(&path.to_string_lossy()).map_err(|error| DbError::cannot_connect(&error))?;
    Ok((lock, connection))
}

/// SQLite's calls block.
async fn on_thread(
    path: &Path,
    work: impl FnOnce(&Path) -> Result<Vec<String>, DbError> + Send + 'static,
) -> Result<Vec<String>, DbError> {
    let path = path.to_owned();
    let work = tokio::task::spawn_blocking(move || work(&path));
    work.await.map_err(|error| DbError::Migration(error.into()))?
}

/// Creates a file that only its owner can read; an existing one keeps its mode and its content.
fn open_private(path: &Path) -> Result<File, DbError> {
    let file = File::options().create(true).append(true).mode(0o600).open(path);
    file.map_err(|error| DbError::cannot_open(path, &error))
}

fn apply<DB, C>(harness: &mut C, migrations: impl MigrationSource<DB>) -> Result<Vec<String>, DbError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
{
    versions(harness.run_pending_migrations(migrations))
}

fn versions(migrated: diesel::migration::Result<Vec<MigrationVersion<'_>>>) -> Result<Vec<String>, DbError> {
    Ok(migrated.map_err(DbError::Migration)?.iter().map(ToString::to_string).collect())
}
