//! Which migrations are not applied, found by reading alone.

use std::path::Path;

use diesel::dsl::sql;
use diesel::migration::MigrationSource;
use diesel::prelude::QueryDsl;
use diesel::sql_types::Bool;
use diesel_migrations::EmbeddedMigrations;

use crate::error::DbError;
use crate::postgres::MigrationConnection;
use crate::sqlite;

diesel::table! {
    /// In which Diesel records what was applied.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}
use __diesel_schema_migrations as history;

/// The versions of the migrations that are not applied.
pub(super) async fn on_postgres(
    migrations: &EmbeddedMigrations,
    connection: &mut MigrationConnection,
) -> Result<Vec<String>, DbError> {
    use diesel_async::RunQueryDsl;

    let exists = sql::<Bool>("to_regclass('__diesel_schema_migrations') IS NOT NULL");
    let exists: bool = diesel::select(exists).get_result(connection).await?;
    let applied =
        if exists { history::table.select(history::version).load(connection).await? } else { Vec::new() };
    missing::<diesel::pg::Pg>(migrations, &applied)
}

/// The same for a SQLite file, which is not created if it is missing.
pub(super) fn on_sqlite(migrations: &EmbeddedMigrations, path: &Path) -> Result<Vec<String>, DbError> {
    use diesel::RunQueryDsl;

    // Connecting would create it.
    if !path.exists() {
        return missing::<diesel::sqlite::Sqlite>(migrations, &[]);
    }
    let mut connection =
        sqlite::open(&path.to_string_lossy()).map_err(|error| DbError::cannot_connect(&error))?;
    let exists = "EXISTS (SELECT 1 FROM sqlite_master WHERE name = '__diesel_schema_migrations')";
    let exists: bool = diesel::select(sql::<Bool>(exists)).get_result(&mut connection)?;
    let applied =
        if exists { history::table.select(history::version).load(&mut connection)? } else { Vec::new() };
    missing::<diesel::sqlite::Sqlite>(migrations, &applied)
}

/// The versions of `migrations` that are not among those applied, in their order.
fn missing<DB: diesel::backend::Backend>(
    migrations: &impl MigrationSource<DB>,
    applied: &[String],
) -> Result<Vec<String>, DbError> {
    let known = migrations.migrations().map_err(DbError::Migration)?;
    let mut missing: Vec<_> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    missing.retain(|version| !applied.contains(version));
    missing.sort();
    Ok(missing)
}
