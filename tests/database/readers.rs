//! Lookups share connections, at the cost of neither the reads beside them nor the callers that
//! wait for a connection.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use groundwork::domain::ids::UserId;
use groundwork::models::users::{self, UserFilter};
use groundwork::settings::DatabaseUrl;
use groundwork_database::{Database, DbError};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use crate::support::postgres::eventually;
use crate::support::{Backend, TestDatabase, settings};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// How many lookups are in flight on a connection at most.
const AT_ONCE: u32 = 8;

/// No user has this id.
const NOBODY: UserId = UserId(7);

struct Fixture {
    database: Database,
    files: TestDatabase,
    /// How many reads were sent.
    sent: Arc<AtomicU32>,
}

type Found = Result<bool, DbError>;

/// How a read finds its rows.
#[derive(Clone, Copy)]
enum Kind {
    /// By key.
    Lookup,
    /// By a filter that is put together at run time.
    Search,
}

impl Fixture {
    async fn with_connections(most: usize) -> Self {
        let files = TestDatabase::empty(Backend::Postgres).await;
        let url: DatabaseUrl = files.url.parse().unwrap();
        groundwork::db::migrations::run(&url).await.unwrap();
        let pool = [("DB_POOL_SIZE", most.to_string()), ("DB_MAX_OVERFLOW", "0".to_owned())];
        let database = Database::new(&(&settings(&files.url, &pool)).into()).unwrap();
        Self { database, files, sent: Arc::default() }
    }

    fn read(&self, kind: Kind) -> JoinHandle<Found> {
        let (database, sent) = (self.database.clone(), Arc::clone(&self.sent));
        tokio::spawn(async move {
            let mut connection = database.read();
            let reading = async {
                match kind {
                    Kind::Lookup => Ok(users::find_profile(&mut connection, NOBODY).await?.is_some()),
                    Kind::Search => {
                        let filter = UserFilter { is_active: Some(true), ..UserFilter::default() };
                        Ok(!users::page(&mut connection, &filter, None, None, 1).await?.is_empty())
                    }
                }
            };
            let mut reading = pin!(reading);
            // One poll sends it, unless a connection has to be opened.
            let first = poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await;
            sent.fetch_add(1, Ordering::Relaxed);
            match first {
                Poll::Ready(found) => found,
                Poll::Pending => reading.await,
            }
        })
    }

    /// Begins so many reads, one after the other.
    async fn reads(&self, kind: Kind, count: u32) -> Vec<JoinHandle<Found>> {
        let mut begun = Vec::new();
        let sent = self.sent.load(Ordering::Relaxed);
        for number in sent + 1..=sent + count {
            begun.push(self.read(kind));
            eventually("it is sent", async || (self.sent.load(Ordering::Relaxed) == number).then_some(()))
                .await;
        }
        begun
    }

    async fn lookups(&self, count: u32) -> Vec<JoinHandle<Found>> {
        self.reads(Kind::Lookup, count).await
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

/// A table that is locked against reads.
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
async fn concurrent_reads_share_connections_within_a_limit() {
    let fixture = Fixture::with_connections(10).await;
    let locked = Locked::users_of(&fixture.files).await;
    let mut begun = fixture.lookups(1).await;
    let first = fixture.waiting(1).await;
    begun.extend(fixture.lookups(AT_ONCE - 1).await);
    begun.extend(fixture.lookups(1).await);
    // The ninth has begun, and the eight are still one.
    assert_eq!(fixture.waiting(2).await[0], first[0]);
    begun.extend(fixture.lookups(AT_ONCE - 1).await);
    begun.extend(fixture.lookups(1).await);
    fixture.waiting(3).await;
    locked.release().await;
    expect_answers(begun).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn expensive_queries_have_a_connection_each() {
    let fixture = Fixture::with_connections(10).await;
    let locked = Locked::users_of(&fixture.files).await;
    let mut begun = fixture.lookups(1).await;
    begun.extend(fixture.reads(Kind::Search, 2).await);
    fixture.waiting(3).await;
    // No other read shares them.
    begun.extend(fixture.lookups(1).await);
    begun.extend(fixture.reads(Kind::Search, 1).await);
    fixture.waiting(4).await;
    locked.release().await;
    expect_answers(begun).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_read_disturbs_no_other_and_its_connection_takes_no_new_reads() {
    let fixture = Fixture::with_connections(10).await;
    let locked = Locked::users_of(&fixture.files).await;
    let mut begun = fixture.lookups(1).await;
    fixture.waiting(1).await;
    begun.extend(fixture.lookups(1).await);
    let left = fixture.waiting(1).await;
    let leaving = begun.remove(0);
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    begun.extend(fixture.lookups(1).await);
    fixture.waiting(2).await;
    locked.release().await;
    expect_answers(begun).await;
    // The connection of a cancelled read is not used again, even after its answer has arrived.
    let still_there = format!("SELECT pid::text FROM pg_stat_activity WHERE pid = {}", left[0]);
    eventually("the connection is closed", async || {
        fixture.files.rows(&still_there).await.is_empty().then_some(())
    })
    .await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn reads_whose_connection_is_closed_are_repeated() {
    let fixture = Fixture::with_connections(10).await;
    let locked = Locked::users_of(&fixture.files).await;
    let mut begun = fixture.lookups(1).await;
    let waiting = fixture.waiting(1).await;
    begun.extend(fixture.lookups(2).await);
    fixture.files.sql(&format!("SELECT pg_terminate_backend({}, 5000)::text", waiting[0])).await;
    // Each on a connection of its own.
    fixture.waiting(3).await;
    locked.release().await;
    expect_answers(begun).await;
}

/// There is always one in flight: each begins before the one before it ends.
async fn one_after_the_other(database: Database, over: Arc<AtomicBool>, count: Arc<AtomicU32>) {
    let begin = || {
        let mut connection = database.read();
        let mut reading = async move { users::find_profile(&mut connection, NOBODY).await }.boxed();
        let found = (&mut reading).now_or_never();
        async move { if let Some(found) = found { found } else { reading.await } }.boxed()
    };
    let mut current = begin();
    while !over.load(Ordering::Relaxed) {
        let next = begin();
        assert!(current.await.unwrap().is_none());
        current = next;
        count.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn reads_leave_connections_for_other_work() {
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
