//! The migrations, embedded in the binary.

use diesel_migrations::embed_migrations;
use groundwork_database::migrations::Migrations;
use groundwork_database::url::PoolMode;
use groundwork_database::{DbError, files};

use crate::settings::{DatabaseUrl, Settings};

const MIGRATIONS: Migrations = Migrations {
    postgres: embed_migrations!("migrations/postgres"),
    sqlite: embed_migrations!("migrations/sqlite"),
    lock: 0x6772_7500,
};

/// Why the database is not ready for use.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(
        "the schema of the database is not the newest: run `groundwork migrate` with a role that may change the schema, \
         or serve with MIGRATE_ON_START=true (not applied: {})",
        .pending.join(", ")
    )]
    Outdated { pending: Vec<String> },
}

/// Applies pending migrations or, without `MIGRATE_ON_START`, checks that there are none.
///
/// # Errors
/// As [`apply`]; [`MigrationError::Outdated`].
pub async fn prepare(settings: &Settings) -> Result<(), MigrationError> {
    if settings.migrate_on_start { Ok(apply(settings).await?) } else { check(settings).await }
}

/// Checks that there are no pending migrations.
///
/// # Errors
/// [`MigrationError::Outdated`]; if the database cannot be reached.
pub async fn check(settings: &Settings) -> Result<(), MigrationError> {
    let pending = MIGRATIONS.pending(&settings.database_url, settings.db_pool_mode).await?;
    if pending.is_empty() { Ok(()) } else { Err(MigrationError::Outdated { pending }) }
}

/// Applies pending migrations and logs them.
///
/// # Errors
/// If the database cannot be reached, other users may read or write its file, or a migration fails.
pub async fn apply(settings: &Settings) -> Result<(), DbError> {
    if let DatabaseUrl::Sqlite(path) = &settings.database_url {
        files::check(path, settings.app_env.is_deployed())?;
    }
    let applied = run_for(settings).await?;
    if applied.is_empty() {
        tracing::info!("the database has the newest schema");
    }
    for migration in applied {
        tracing::info!(migration, "applied a migration");
    }
    Ok(())
}

/// Deletes all tables with their rows, and creates them anew.
///
/// # Errors
/// As [`apply`].
pub async fn reset(settings: &Settings) -> Result<(), DbError> {
    match (&settings.migration_database_url, &settings.database_url) {
        (Some(url), DatabaseUrl::Postgres(_)) => {
            MIGRATIONS.revert_all(&DatabaseUrl::Postgres(url.clone())).await?
        }
        (_, url) => MIGRATIONS.revert_all(url).await?,
    };
    apply(settings).await
}

/// Applies pending migrations at `MIGRATION_DATABASE_URL`, or else at `DATABASE_URL`. Returns their
/// versions.
///
/// # Errors
/// As [`Migrations::run`].
pub async fn run_for(settings: &Settings) -> Result<Vec<String>, DbError> {
    match (&settings.migration_database_url, &settings.database_url) {
        (Some(url), DatabaseUrl::Postgres(_)) => run(&DatabaseUrl::Postgres(url.clone())).await,
        (_, url) => MIGRATIONS.run(url, settings.db_pool_mode).await,
    }
}

/// Applies pending migrations to this database, without a pooler in between.
///
/// # Errors
/// As [`Migrations::run`].
pub async fn run(url: &DatabaseUrl) -> Result<Vec<String>, DbError> {
    MIGRATIONS.run(url, PoolMode::Session).await
}
