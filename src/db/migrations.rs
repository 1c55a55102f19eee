//! The schema's history, embedded in the binary.

use diesel_migrations::embed_migrations;
use groundwork_database::migrations::Migrations;
use groundwork_database::url::PoolMode;

use super::DbError;
use crate::core::settings::{DatabaseUrl, Settings};

const MIGRATIONS: Migrations = Migrations {
    postgres: embed_migrations!("migrations/postgres"),
    sqlite: embed_migrations!("migrations/sqlite"),
    lock: 0x6772_7500,
};

/// Migrates where the settings say, as [`Migrations::run`].
///
/// # Errors
/// As [`Migrations::run`].
pub async fn run_for(settings: &Settings) -> Result<Vec<String>, DbError> {
    match (&settings.migration_database_url, &settings.database_url) {
        (Some(url), DatabaseUrl::Postgres(_)) => run(&DatabaseUrl::Postgres(url.clone())).await,
        (_, url) => MIGRATIONS.run(url, settings.db_pool_mode).await,
    }
}

/// Migrates this database, without a pooler in between.
///
/// # Errors
/// As [`Migrations::run`].
pub async fn run(url: &DatabaseUrl) -> Result<Vec<String>, DbError> {
    MIGRATIONS.run(url, PoolMode::Session).await
}

/// The versions of the migrations that are not applied.
///
/// # Errors
/// As [`Migrations::pending`].
pub async fn pending(settings: &Settings) -> Result<Vec<String>, DbError> {
    MIGRATIONS.pending(&settings.database_url, settings.db_pool_mode).await
}
