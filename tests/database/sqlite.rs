//! What SQLite must be told to be as strict as PostgreSQL.

use groundwork::core::clock::Clock;
use groundwork::core::ids::UserId;
use groundwork::db::{Database, DbError};
use groundwork::models::users::{self, UserChanges};

use crate::support::{Backend, TestDatabase, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_for_reading_cannot_write() {
    let files = TestDatabase::create(Backend::Sqlite).await;
    groundwork::db::migrations::run(&files.url.parse().unwrap()).await.unwrap();
    let database = Database::new(&settings(&files.url, &[])).unwrap();
    let (id, now) = (UserId(1), Clock::default().now());

    let mut reader = database.read().await.unwrap();
    assert!(users::find(&mut reader, id).await.unwrap().is_none());
    let refused = users::update(&mut reader, id, &UserChanges::default(), now).await;
    let Err(DbError::Query(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.to_string().contains("readonly"), "{cause}");

    let mut writer = database.write().await.unwrap();
    assert!(users::update(&mut writer, id, &UserChanges::default(), now).await.unwrap().is_none());
}
