//! Migrating: several instances start at once, and one of them does the work.

use groundwork::db::migrations;
use groundwork::settings::DatabaseUrl;

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
async fn of_eight_instances_at_once_one_migrates_on_postgresql() {
    eight_at_once(Backend::Postgres, "migrations/postgres").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eight_instances_at_once_one_migrates_on_sqlite() {
    eight_at_once(Backend::Sqlite, "migrations/sqlite").await;
}
