//! A request that takes as long as the test wants: it waits for a row that the test has locked.

use serde_json::json;
use tokio::task::JoinHandle;

use super::client::Answer;
use super::postgres::eventually;
use super::{Call, TestDatabase};

pub struct Held {
    lock: tokio_postgres::Client,
    request: JoinHandle<Answer>,
}

impl Held {
    /// Begins a change of a user's name and returns when it waits. The database is PostgreSQL's.
    pub async fn begin(database: &TestDatabase, change: Call) -> Self {
        let (lock, connection) = tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        lock.batch_execute("BEGIN; SELECT FROM users FOR UPDATE").await.unwrap();
        let request = tokio::spawn(change.json(json!({"full_name": "Ada"})).send());
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let is_waiting = async || (database.sql(waiting).await.as_deref() == Some("1")).then_some(());
        eventually("the request waits for the lock", is_waiting).await;
        Self { lock, request }
    }

    /// Lets it go on, and gives its answer.
    pub async fn end(self) -> Answer {
        self.lock.batch_execute("ROLLBACK").await.unwrap();
        self.request.await.unwrap()
    }
}
