//! Migrations: of several instances that start at once one migrates, and each migration can be
//! undone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use groundwork::db::migrations;
use groundwork::settings::DatabaseUrl;
use tokio_postgres::NoTls;

use crate::support::{Backend, TestDatabase};

const INSTANCES: usize = 8;

/// The versions of all migrations: the digits of their folders' dates, oldest first.
fn versions(folder: &str) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let date = |name: String| name.split('_').next().unwrap().replace('-', "");
    let mut versions: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).map(date).collect();
    versions.sort();
    versions
}

/// The names of the migrations of one database.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).collect()
}

/// The files that one database's folder of migrations has and the other's lacks.
fn missing_migrations(root: &Path) -> Vec<String> {
    let [postgres, sqlite] = ["postgres", "sqlite"].map(|database| names(&root.join(database)));
    let lacking = |database: &'static str, other: &BTreeSet<String>, own: &BTreeSet<String>| {
        let missing: Vec<_> = other.difference(own).cloned().collect();
        missing.into_iter().map(move |name| {
            format!(
                "migrations/{database}/{name}/up.sql and down.sql: write the same change for this database"
            )
        })
    };
    lacking("postgres", &sqlite, &postgres).chain(lacking("sqlite", &postgres, &sqlite)).collect()
}

#[test]
fn every_migration_is_written_for_both_databases() {
    let missing = missing_migrations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"));
    assert!(missing.is_empty(), "a migration is missing:\n{}", missing.join("\n"));
}

#[test]
fn a_migration_for_one_database_only_is_found() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["postgres/1_users", "sqlite/1_users", "postgres/2_notes", "sqlite/3_tags"] {
        std::fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    let missing = missing_migrations(root.path());
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing[0].starts_with("migrations/postgres/3_tags/up.sql"), "{missing:?}");
    assert!(missing[1].starts_with("migrations/sqlite/2_notes/up.sql"), "{missing:?}");
}

/// Of two migrations with one version, only one is applied.
#[test]
fn every_migration_has_a_version_of_its_own() {
    for folder in ["migrations/postgres", "migrations/sqlite"] {
        let versions = versions(folder);
        let unique: BTreeSet<_> = versions.iter().collect();
        assert_eq!(unique.len(), versions.len(), "{folder}: {versions:?}");
    }
}

async fn eight_at_once(backend: Backend, folder: &str) {
    let database = TestDatabase::empty(backend).await;
    let url: DatabaseUrl = database.url.parse().unwrap();
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(INSTANCES));
    let instances: Vec<_> = (0..INSTANCES)
        .map(|_| {
            let (url, start) = (url.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                migrations::run(&url).await
            })
        })
        .collect();
    let mut applied = Vec::new();
    for instance in instances {
        applied.push(instance.await.unwrap().expect("each instance starts"));
    }
    applied.sort_by_key(Vec::len);
    let (last, others) = applied.split_last().unwrap();
    assert_eq!(*last, versions(folder), "one did all of the work");
    assert!(others.iter().all(Vec::is_empty), "{others:?}");
    assert_eq!(migrations::run(&url).await.unwrap(), [""; 0], "a later start finds nothing to do");
    let listed = database.sql("SELECT CAST(COUNT(*) AS TEXT) AS value FROM __diesel_schema_migrations").await;
    assert_eq!(listed, Some(last.len().to_string()));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eight_instances_that_start_at_once_one_migrates_on_postgresql() {
    eight_at_once(Backend::Postgres, "migrations/postgres").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eight_instances_that_start_at_once_one_migrates_on_sqlite() {
    eight_at_once(Backend::Sqlite, "migrations/sqlite").await;
}

/// The files of this name of every migration, oldest first.
fn migration_files(backend: Backend, name: &str) -> Vec<String> {
    let folder = match backend {
        Backend::Postgres => "migrations/postgres",
        Backend::Sqlite => "migrations/sqlite",
    };
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path.join(name)).unwrap()).collect()
}

/// Runs files of several statements.
async fn run_files(database: &TestDatabase, files: &[String]) {
    match database.backend {
        Backend::Postgres => {
            let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            for file in files {
                client.batch_execute(file).await.unwrap_or_else(|error| panic!("{error:?}: {file}"));
            }
            drop(client);
            connection.await.unwrap().unwrap();
        }
        Backend::Sqlite => {
            let path = database.url.strip_prefix("sqlite://").unwrap();
            let mut connection = SqliteConnection::establish(path).unwrap();
            // As the service does: a table that others refer to is not dropped silently.
            connection.batch_execute("PRAGMA foreign_keys = ON").unwrap();
            for file in files {
                connection.batch_execute(file).unwrap_or_else(|error| panic!("{error}: {file}"));
            }
        }
    }
}

/// Everything that is defined: tables, indexes, sequences, views, triggers, types, functions.
async fn everything(database: &TestDatabase) -> Vec<Option<String>> {
    let query = match database.backend {
        Backend::Postgres => {
            "SELECT relkind::text || ' ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace \
             UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace \
             UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
             ORDER BY 1"
        }
        Backend::Sqlite => {
            "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') AS value FROM sqlite_master \
             WHERE name NOT LIKE 'sqlite_sequence' ORDER BY 1"
        }
    };
    database.rows(query).await
}

async fn down_undoes_up(backend: Backend) {
    let up = migration_files(backend, "up.sql");
    let mut down = migration_files(backend, "down.sql");
    down.reverse();
    let database = TestDatabase::empty(backend).await;
    run_files(&database, &up).await;
    let first = everything(&database).await;
    assert!(first.len() >= 3, "{first:?}");
    run_files(&database, &down).await;
    assert_eq!(everything(&database).await, []);
    run_files(&database, &up).await;
    assert_eq!(everything(&database).await, first);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn each_migration_can_be_undone_and_done_again_on_postgresql() {
    down_undoes_up(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_migration_can_be_undone_and_done_again_on_sqlite() {
    down_undoes_up(Backend::Sqlite).await;
}
