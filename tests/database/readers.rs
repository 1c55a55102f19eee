//! Short reads share connections: neither those beside them nor those who wait for a connection are the worse for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use groundwork::core::ids::UserId;
use groundwork::core::settings::DatabaseUrl;
use groundwork::db::{Database, DbError, Extent, Freshness};
use groundwork::models::users;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use crate::support::postgres::eventually;
use crate::support::{Backend, TestDatabase, settings};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// How many short reads a connection has at the most.
const AT_ONCE: u32 = 8;

/// Nobody has this number.
const NOBODY: UserId = UserId(7);

struct Fixture {
    database: Database,
    files: TestDatabase,
    /// How many reads were sent.
    sent: Arc<AtomicU32>,
}

type Found = Result<bool, DbError>;

impl Fixture {
    async fn with_connections(most: usize) -> Self {
        let files = TestDatabase::empty(Backend::Postgres).await;
        let url: DatabaseUrl = files.url.parse().unwrap();
        groundwork::db::migrations::run(&url).await.unwrap();
        let pool = [("DB_POOL_SIZE", most.to_string()), ("DB_MAX_OVERFLOW", "0".to_owned())];
        let database = Database::new(&settings(&files.url, &pool)).unwrap();
        Self { database, files, sent: Arc::default() }
    }

    fn read(&self, extent: Extent) -> JoinHandle<Found> {
        let (database, sent) = (self.database.clone(), Arc::clone(&self.sent));
        tokio::spawn(async move {
            let find = |mut c| {
                sent.fetch_add(1, Ordering::Relaxed);
                async move { users::find_profile(&mut c, NOBODY).await }
            };
            database.read_with(Freshness::Latest, extent, find).await.map(|found| found.is_some())
        })
    }

    /// Begins so many reads, one after the other.
    async fn reads(&self, extent: Extent, count: u32) -> Vec<JoinHandle<Found>> {
        let mut begun = Vec::new();
        let sent = self.sent.load(Ordering::Relaxed);
        for number in sent + 1..=sent + count {
            begun.push(self.read(extent));
            eventually("it is sent", async || (self.sent.load(Ordering::Relaxed) == number).then_some(()))
                .await;
        }
        begun
    }

    async fn short_reads(&self, count: u32) -> Vec<JoinHandle<Found>> {
        self.reads(Extent::Short, count).await
    }

    /// Until so many connections wait for the lock: their processes.
    async fn waiting(&self, count: usize) -> Vec<String> {
        let waiting = "SELECT pid::text FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock' ORDER BY query_start";
        eventually("they wait for the lock", async || {
            let processes: Vec<_> = self.files.rows(waiting).await.into_iter().flatten().collect();
            (processes.len() == count).then_some(processes)
        })
        .await
    }
}

/// A table that nobody can read.
struct Locked {
    client: Client,
}

impl Locked {
    async fn users_of(database: &TestDatabase) -> Self {
        let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.unwrap();
        Self { client }
    }

    async fn release(self) {
        self.client.batch_execute("COMMIT").await.unwrap();
    }
}

async fn expect_answers(reads: Vec<JoinHandle<Found>>) {
    for read in reads {
        let found = tokio::time::timeout(LONG, read).await.expect("an answer").unwrap();
        assert!(!found.unwrap());
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn those_at_the_same_time_share_connections_and_not_too_many_one() {
    let fixture = Fixture::with_connections(10).await;
    let locked = Locked::users_of(&fixture.files).await;
    let mut begun = fixture.short_reads(1).await;
    let first = fixture.waiting(1).await;
    begun.extend(fixture.short_reads(AT_ONCE - 1).await);
    begun.extend(fixture.short_reads(1).await);
    // The ninth has begun, and the eight are still one.
    assert_eq!(fixture.waiting(2).await[0], first[0]);
    begun.extend(fixture.short_reads(AT_ONCE - 1).await);
    begun.extend(fixture.short_reads(1).await);
    let _ = fixture.waiting(3).await;
    locked.release().await;
    expect_answers(begun).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn long_ones_have_a_connection_each() {
    let fixture = Fixture::with_connections(10).await;
    let locked = Locked::users_of(&fixture.files).await;
    let mut begun = fixture.short_reads(1).await;
    begun.extend(fixture.reads(Extent::Long, 2).await);
    let _ = fixture.waiting(3).await;
    // And nobody joins them.
    begun.extend(fixture.short_reads(1).await);
    begun.extend(fixture.reads(Extent::Long, 1).await);
    let _ = fixture.waiting(4).await;
    locked.release().await;
    expect_answers(begun).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn one_whose_caller_leaves_disturbs_none_beside_it_and_nobody_joins_them() {
    let fixture = Fixture::with_connections(10).await;
    let locked = Locked::users_of(&fixture.files).await;
    let mut begun = fixture.short_reads(2).await;
    let left = fixture.waiting(1).await;
    let leaving = begun.remove(0);
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    begun.extend(fixture.short_reads(1).await);
    let _ = fixture.waiting(2).await;
    locked.release().await;
    expect_answers(begun).await;
    // What was abandoned goes to nobody, not even when it has been answered.
    let still_there = format!("SELECT pid::text FROM pg_stat_activity WHERE pid = {}", left[0]);
    eventually("the connection is closed", async || {
        fixture.files.rows(&still_there).await.is_empty().then_some(())
    })
    .await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn those_whose_connection_is_ended_are_asked_again() {
    let fixture = Fixture::with_connections(10).await;
    let locked = Locked::users_of(&fixture.files).await;
    let begun = fixture.short_reads(3).await;
    let waiting = fixture.waiting(1).await;
    let _ = fixture.files.sql(&format!("SELECT pg_terminate_backend({}, 5000)::text", waiting[0])).await;
    // Each on a connection of its own.
    let _ = fixture.waiting(3).await;
    locked.release().await;
    expect_answers(begun).await;
    assert_eq!(fixture.sent.load(Ordering::Relaxed), 6);
}

/// There is always one: each has its connection until the next has one.
async fn one_after_the_other(database: Database, over: Arc<AtomicBool>, count: Arc<AtomicU32>) {
    let take = || database.look_up(async |connection| Ok(connection));
    let mut held = take().await.unwrap();
    while !over.load(Ordering::Relaxed) {
        let mut next = Box::pin(take());
        held = if let Some(next) = (&mut next).now_or_never() {
            next.unwrap()
        } else {
            drop(held);
            next.await.unwrap()
        };
        count.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn however_many_there_are_others_get_a_connection() {
    let fixture = Fixture::with_connections(1).await;
    let (over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let busy =
        tokio::spawn(one_after_the_other(fixture.database.clone(), Arc::clone(&over), Arc::clone(&count)));
    for _ in 0..20 {
        let begun = count.load(Ordering::Relaxed);
        eventually("they go on", async || (count.load(Ordering::Relaxed) > begun).then_some(())).await;
        let connection = tokio::time::timeout(LONG, fixture.database.write()).await;
        drop(connection.expect("a connection, in turn").unwrap());
    }
    over.store(true, Ordering::Relaxed);
    busy.await.unwrap();
}
