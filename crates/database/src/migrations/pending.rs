//! Which migrations are not applied, found by reading alone.

use std::path::Path;

use diesel::QueryableByName;
use diesel::migration::MigrationSource;
use diesel::sql_types::{Nullable, Text};
use diesel_async::RunQueryDsl as _;
use diesel_migrations::EmbeddedMigrations;

use crate::error::DbError;
use crate::postgres::MigrationConnection;
use crate::sqlite;

/// The table in which Diesel records what was applied.
const APPLIED: &str = "__diesel_schema_migrations";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

/// The versions of the migrations that are not applied.
pub(super) async fn on_postgres(
    migrations: &EmbeddedMigrations,
    connection: &mut MigrationConnection,
) -> Result<Vec<String>, DbError> {
    let table = format!("SELECT to_regclass('{APPLIED}')::text AS value");
    let table: Row = diesel::sql_query(table).get_result(connection).await?;
    let mut applied: Vec<Row> = Vec::new();
    if table.value.is_some() {
        let versions = format!("SELECT version::text AS value FROM {APPLIED}");
        applied = diesel::sql_query(versions).load(connection).await?;
    }
    missing::<diesel::pg::Pg>(migrations, applied)
}

/// The same for a SQLite file, which is not created if it is missing.
pub(super) fn on_sqlite(migrations: &EmbeddedMigrations, path: &Path) -> Result<Vec<String>, DbError> {
    // Connecting would create it.
    if !path.exists() {
        return missing::<diesel::sqlite::Sqlite>(migrations, Vec::new());
    }
    let mut connection =
        sqlite::open(&path.to_string_lossy()).map_err(|error| DbError::cannot_connect(&error))?;
    let mut load = |query: String| diesel::RunQueryDsl::load(diesel::sql_query(query), &mut connection);
    let table: Vec<Row> = load(format!("SELECT name AS value FROM sqlite_master WHERE name = '{APPLIED}'"))?;
    let mut applied = Vec::new();
    if !table.is_empty() {
        applied = load(format!("SELECT version AS value FROM {APPLIED}"))?;
    }
    missing::<diesel::sqlite::Sqlite>(migrations, applied)
}

/// The versions of `migrations` that are not among those applied, in their order.
fn missing<DB: diesel::backend::Backend>(
    migrations: &impl MigrationSource<DB>,
    applied: Vec<Row>,
) -> Result<Vec<String>, DbError> {
    let applied: Vec<_> = applied.into_iter().filter_map(|row| row.value).collect();
    let known = migrations.migrations().map_err(DbError::Migration)?;
    let mut missing: Vec<_> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    missing.retain(|version| !applied.contains(version));
    missing.sort();
    Ok(missing)
}
