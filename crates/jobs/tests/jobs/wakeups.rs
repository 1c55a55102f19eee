//! Wake-ups between instances.

use std::time::Duration;

use groundwork_jobs::{NewJob, Queue, Wakeups, Workers, WorkersConfig};
use groundwork_state::redis::{Redis, RedisConfig};
use groundwork_state::url::RedisUrl;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::support::{Backend, CONFIG, LONG, Note, Recorder, Started, TestDatabase, begun, client, connect};

/// Polls so rarely that only a wake-up can start a job.
const WOKEN: WorkersConfig = WorkersConfig { poll_interval: Duration::from_hours(1), ..CONFIG };

fn redis() -> Redis {
    let url = std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL must name a Redis for tests; ./scripts/test starts one");
    let key_prefix = format!("jobs_test_{}:", std::process::id());
    let url: RedisUrl = url.parse().unwrap();
    Redis::new(RedisConfig { url, key_prefix, timeout: Duration::from_secs(2), call_span: Span::none })
}

/// Starts workers as another process does: nothing but the database and Redis connects them.
fn start_elsewhere(db: &TestDatabase, recorder: &Recorder, redis: Option<Redis>) -> Started {
    let database = connect(&db.url.parse().unwrap());
    let (handlers, wakeups) = (recorder.handlers(), Wakeups::new(redis, &database));
    let workers = Workers::new(database, db.clock.clone(), handlers, wakeups, WOKEN);
    let stop = CancellationToken::new();
    Started { stop: stop.clone(), task: tokio::spawn(workers.run(stop)) }
}

async fn assert_woken(db: TestDatabase, redis: Option<Redis>, tier: &str) {
    let (recorder, mut seen) = Recorder::new();
    db.enqueue(NewJob::new(&Note::new("before"))).await.unwrap();
    let workers = start_elsewhere(&db, &recorder, redis.clone());
    begun(&mut seen, "before").await;
    let wakeups = Wakeups::new(redis, &db.database);
    assert_eq!(wakeups.tier(), tier);
    let queue = Queue::new(wakeups);
    // The subscription may not be there yet; each message wakes the workers for all jobs before.
    let enqueuing = async {
        loop {
            let mut c = db.database.write().await.unwrap();
            queue.enqueue(&mut c, &NewJob::new(&Note::new("woken")), db.clock.now()).await.unwrap();
            drop(c);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = enqueuing => {}
        attempt = begun(&mut seen, "woken") => assert_eq!(attempt, 1),
    }
    workers.stop().await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn workers_of_another_instance_are_woken_through_redis() {
    assert_woken(TestDatabase::new(Backend::Sqlite).await, Some(redis()), "redis").await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn workers_of_another_instance_are_woken_through_postgresql() {
    assert_woken(TestDatabase::new(Backend::Postgres).await, None, "postgresql").await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_was_cut_off_listens_again() {
    let db = TestDatabase::new(Backend::Postgres).await;
    let (recorder, mut seen) = Recorder::new();
    let workers = start_elsewhere(&db, &recorder, None);
    let cut = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND query = 'LISTEN \"jobs\"') AS cut";
    let client = client(&db.url).await;
    while client.query_one(cut, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Found as soon as it listens again, without a notification.
    db.enqueue(NewJob::new(&Note::new("missed"))).await.unwrap();
    begun(&mut seen, "missed").await;
    workers.stop().await;
}

/// Nothing listens at this address.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_without_the_redis_that_should_wake_their_workers() {
    let db = TestDatabase::new(Backend::Sqlite).await;
    let (recorder, mut seen) = Recorder::new();
    let url: RedisUrl = "redis://127.0.0.1:1".parse().unwrap();
    let timeout = Duration::from_millis(100);
    let config = RedisConfig { url, key_prefix: String::new(), timeout, call_span: Span::none };
    let wakeups = Wakeups::new(Some(Redis::new(config)), &db.database);
    let workers =
        Workers::new(db.database.clone(), db.clock.clone(), recorder.handlers(), wakeups.clone(), CONFIG);
    let stop = CancellationToken::new();
    let workers = Started { stop: stop.clone(), task: tokio::spawn(workers.run(stop)) };
    let queue = Queue::new(wakeups);
    let mut c = db.database.write().await.unwrap();
    queue.enqueue(&mut c, &NewJob::new(&Note::new("near")), db.clock.now()).await.unwrap();
    drop(c);
    begun(&mut seen, "near").await;
    db.enqueue(NewJob::new(&Note::new("far"))).await.unwrap();
    tokio::time::timeout(LONG, begun(&mut seen, "far")).await.unwrap();
    workers.stop().await;
}
