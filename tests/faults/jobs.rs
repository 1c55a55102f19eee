//! Faults under jobs: their workers are killed and frozen, Redis is lost, and their database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use diesel::sql_types::BigInt;
use groundwork_clock::Clock;
use groundwork_database::{Database, DbError, on};
use groundwork_jobs::{Job, NewJob, Queue, Wakeups};
use groundwork_state::redis::Redis;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::faults::job_ledger::{Enqueued, TABLES, check, unfinished};
use crate::support::postgres::{Server, eventually, signal};
use crate::support::process::Process;
use crate::support::redis::RedisServer;
use crate::support::{TestDatabase, settings};

/// Clients that enqueue at the same time.
const CLIENTS: usize = 4;

/// Jobs that are enqueued at least.
const JOBS: usize = 10_000;

/// One transaction of so many is rolled back, and another one stays open for a while before its
/// commit.
const RARE: i64 = 20;

/// A job of the service, as the service itself enqueues it.
#[derive(Serialize, Deserialize)]
struct DeleteExpired {}

impl Job for DeleteExpired {
    const KIND: &'static str = "delete_expired";
}

#[derive(Debug)]
enum NotCommitted {
    OnPurpose,
    Failed,
}

impl From<DbError> for NotCommitted {
    fn from(_: DbError) -> Self {
        Self::Failed
    }
}

/// Makes a change and enqueues a job in one transaction.
async fn change(database: &Database, queue: &Queue, number: i64) -> Result<(), NotCommitted> {
    // Its methods would hide those of atomics.
    use diesel_async::RunQueryDsl;
    let now = Clock::default().now();
    database
        .transaction(async |tx| {
            let job = DeleteExpired {};
            // A failed attempt waits for the next one. It must not become the last.
            let job = NewJob::new(&job).max_attempts(100);
            let id = queue.enqueue(tx, &job, now).await?.expect("no dedupe key").0;
            if number % RARE == 1 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let insert = diesel::sql_query("INSERT INTO changes (number, job_id) VALUES ($1, $2)")
                .bind::<BigInt, _>(number)
                .bind::<BigInt, _>(id);
            on!(tx, |c| insert.execute(c)).map_err(DbError::from)?;
            if number % RARE == 0 { Err(NotCommitted::OnPurpose) } else { Ok(()) }
        })
        .await
}

/// Enqueues until `stop`, and until there are [`JOBS`].
fn enqueue(url: &str, redis: &str, stop: &Arc<AtomicBool>) -> JoinSet<Enqueued> {
    let settings = settings(url, &[("REDIS_URL", redis.to_owned())]);
    let database = Database::new(&(&settings).into()).unwrap();
    let queue = Queue::new(Wakeups::new(settings.redis().map(Redis::new), &database));
    let next = Arc::new(AtomicI64::new(1));
    let clients = (0..CLIENTS).map(|_| {
        let (database, queue) = (database.clone(), queue.clone());
        let (stop, next) = (Arc::clone(stop), Arc::clone(&next));
        async move {
            let mut enqueued = Enqueued::default();
            while !stop.load(Ordering::Relaxed) || enqueued.acknowledged.len() < JOBS / CLIENTS {
                let number = next.fetch_add(1, Ordering::Relaxed);
                match change(&database, &queue, number).await {
                    Ok(()) => enqueued.acknowledged.push(number),
                    Err(NotCommitted::OnPurpose) => enqueued.rolled_back.push(number),
                    Err(NotCommitted::Failed) => {
                        enqueued.open += 1;
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
            enqueued
        }
    });
    clients.collect()
}

/// Waits until so many more jobs have succeeded.
async fn done(database: &TestDatabase, more: usize) {
    let done = async || {
        let done = database.sql("SELECT COUNT(*)::TEXT FROM jobs WHERE status = 'done'").await;
        done.unwrap().parse::<usize>().unwrap()
    };
    let enough = done().await + more;
    eventually("jobs are done", async || (done().await >= enough).then_some(())).await;
}

async fn ids(database: &TestDatabase, which: &str) -> BTreeSet<String> {
    let ids = format!("SELECT id::TEXT AS value FROM jobs WHERE period_at IS NULL AND {which}");
    database.rows(&ids).await.into_iter().flatten().collect()
}

const RUNNING: &str = "status = 'running'";

/// Freezes a process of workers while it runs jobs, and returns those. The jobs of workers that were
/// killed are `abandoned`.
async fn freeze(
    workers: &Process,
    abandoned: &BTreeSet<String>,
    database: &TestDatabase,
) -> BTreeSet<String> {
    loop {
        signal(&workers.id(), "STOP");
        let before: BTreeSet<_> = ids(database, RUNNING).await.difference(abandoned).cloned().collect();
        // Other workers end theirs meanwhile, as no statement takes longer than two seconds.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let held: BTreeSet<_> = ids(database, RUNNING).await.intersection(&before).cloned().collect();
        if !held.is_empty() {
            return held;
        }
        signal(&workers.id(), "CONT");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for what takes as long as leases do, and the pauses after failed attempts.
async fn patiently(what: &str, workers: &Process, is_so: impl AsyncFn() -> bool) {
    let reached = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_mins(5), reached).await;
    assert!(reached.is_ok(), "never: {what}: {}", workers.log());
}

#[ignore = "needs PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "with --nocapture it is what the reader wants")]
async fn jobs_survive_killed_and_frozen_workers_a_lost_redis_and_a_killed_database() {
    let (mut server, mut redis) = (Server::start(&[]).await, RedisServer::start().await);
    let (url, redis_url) = (server.url("127.0.0.1", ""), redis.url());
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("REDIS_URL", redis_url.as_str()),
        ("JOB_WORKERS", "8"),
        ("DB_STATEMENT_TIMEOUT", "2"),
    ];
    let (mut first, mut second) =
        (Process::start_worker(&environment).await, Process::start_worker(&environment).await);
    let database = server.database();
    database.sql(TABLES).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients = enqueue(&url, &redis_url, &stop);

    done(&database, 300).await;
    first.kill();
    done(&database, 300).await;
    server.kill();
    second.kill();
    server.resume().await;
    let start = Instant::now();
    // What the workers had begun when they died, which nobody will end.
    let mut abandoned = ids(&database, RUNNING).await;
    let (mut third, fourth) =
        (Process::start_worker(&environment).await, Process::start_worker(&environment).await);
    done(&database, 1).await;
    let healed = start.elapsed();
    let held = freeze(&third, &abandoned, &database).await;
    redis.kill();
    done(&database, 300).await;
    server.stop();
    server.resume().await;
    done(&database, 300).await;
    redis.restart().await;
    // Others run the jobs of the frozen process once its leases have run out.
    let of_frozen = held.iter().cloned().collect::<Vec<_>>().join(",");
    let left = format!("id IN ({of_frozen}) AND status <> 'done'");
    patiently("the jobs of a frozen process are done", &fourth, async || {
        ids(&database, &left).await.is_empty()
    })
    .await;
    // It ends the same jobs as well, and records nothing of that.
    signal(&third.id(), "CONT");
    done(&database, 300).await;
    assert!(third.runs());
    stop.store(true, Ordering::Relaxed);

    let mut enqueued = Enqueued::default();
    for client in clients.join_all().await {
        enqueued.acknowledged.extend(client.acknowledged);
        enqueued.rolled_back.extend(client.rolled_back);
        enqueued.open += client.open;
    }
    patiently("all jobs are done", &fourth, async || unfinished(&database).await == 0).await;
    assert!(enqueued.acknowledged.len() >= JOBS && enqueued.open > 0 && !abandoned.is_empty());
    let findings = check(&enqueued, &database).await;
    abandoned.extend(held);
    assert!(findings.taken_over >= abandoned.len(), "{} were abandoned: {findings:?}", abandoned.len());
    println!(
        "| two processes of workers killed and one frozen, Redis killed, PostgreSQL killed and stopped | jobs \
         run late; {} begun again after their lease, {} attempts failed | {:.1} s | 0 of {}; not \
         acknowledged: {} kept, {} undone |",
        findings.taken_over,
        findings.failed,
        healed.as_secs_f64(),
        enqueued.acknowledged.len(),
        findings.jobs - enqueued.acknowledged.len(),
        enqueued.acknowledged.len() + enqueued.open - findings.jobs,
    );
}
