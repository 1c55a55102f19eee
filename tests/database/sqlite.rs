//! What SQLite must be told to be as strict as PostgreSQL.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use groundwork::domain::ids::UserId;
use groundwork::models::users::{self, UserChanges};
use groundwork_clock::Clock;
use groundwork_database::{Database, DbError};

use crate::support::{Backend, TestDatabase, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_connection_cannot_write() {
    let files = TestDatabase::create(Backend::Sqlite).await;
    groundwork::db::migrations::run(&files.url.parse().unwrap()).await.unwrap();
    let database = Database::new(&(&settings(&files.url, &[])).into()).unwrap();
    let (id, now) = (UserId(1), Clock::default().now());

    let mut reader = database.read();
    assert!(users::find(&mut reader, id).await.unwrap().is_none());
    let refused = users::update(&mut reader, id, &UserChanges::default(), None, now).await;
    let Err(DbError::Query(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.to_string().contains("readonly"), "{cause}");

    let mut writer = database.write().await.unwrap();
    assert!(users::update(&mut writer, id, &UserChanges::default(), None, now).await.unwrap().is_none());
}

/// The old instance of a deployment still writes while the new one starts.
#[tokio::test(flavor = "multi_thread")]
async fn migrating_waits_for_a_writer() {
    let files = TestDatabase::empty(Backend::Sqlite).await;
    let path = files.url.strip_prefix("sqlite://").unwrap().to_owned();
    let mut writer = SqliteConnection::establish(&path).unwrap();
    writer
        .batch_execute("CREATE TABLE other (id INTEGER); BEGIN EXCLUSIVE; INSERT INTO other VALUES (1)")
        .unwrap();
    let url = files.url.parse().unwrap();
    let migrating = tokio::spawn(async move { groundwork::db::migrations::run(&url).await });
    // It holds its lock file from before it opens the database; the time after that is what makes
    // it wait.
    let lock =
        std::fs::File::options().create(true).append(true).open(format!("{path}.migration-lock")).unwrap();
    let begun = async {
        while !migrating.is_finished() && lock.try_lock().is_ok() {
            lock.unlock().unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), begun).await.expect("the migration begins");
    tokio::time::sleep(Duration::from_millis(100)).await;
    writer.batch_execute("COMMIT").unwrap();
    assert!(!migrating.await.unwrap().unwrap().is_empty());
}

/// The first connections to a file change its mode, and would get in each other's way.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_opened_at_once_after_migrating_all_succeed() {
    for _ in 0..20 {
        let files = TestDatabase::empty(Backend::Sqlite).await;
        groundwork::db::migrations::run(&files.url.parse().unwrap()).await.unwrap();
        let database = Database::new(&(&settings(&files.url, &[])).into()).unwrap();
        let readers = futures_util::future::join_all((0..4).map(async |_| {
            // Held, so that each of them opens its own.
            let mut reader = database.read();
            users::find(&mut reader, UserId(1)).await.map(|_| reader)
        }));
        let (writer, readers) = tokio::join!(database.write(), readers);
        let opened = readers.into_iter().chain([writer]);
        let failed: Vec<_> = opened.filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{failed:?}");
        let mode = files.sql("SELECT journal_mode AS value FROM pragma_journal_mode").await;
        assert_eq!(mode.as_deref(), Some("wal"));
    }
}
