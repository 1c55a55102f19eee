//! Faults under jobs: their workers are killed, and their database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use diesel::sql_types::BigInt;
use groundwork_clock::Clock;
use groundwork_database::{Database, DbError, on};
use groundwork_jobs::{Job, NewJob, Queue, Wakeups};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::faults::job_ledger::{Enqueued, TABLES, check, unfinished};
use crate::support::postgres::{Server, eventually};
use crate::support::process::Process;
use crate::support::{TestDatabase, settings};

/// Clients that enqueue at the same time.
const CLIENTS: usize = 4;

/// Jobs that are enqueued at least.
const JOBS: usize = 4_000;

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
fn enqueue(url: &str, stop: &Arc<AtomicBool>) -> JoinSet<Enqueued> {
    let settings = settings(url, &[]);
    let database = Database::new(&(&settings).into()).unwrap();
    let queue = Queue::new(Wakeups::new(None, &database));
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

async fn running(database: &TestDatabase) -> usize {
    let running = "SELECT COUNT(*)::TEXT FROM jobs WHERE status = 'running'";
    database.sql(running).await.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "with --nocapture it is what the reader wants")]
async fn jobs_survive_killed_workers_and_a_killed_database() {
    let mut server = Server::start(&[]).await;
    let url = server.url("127.0.0.1", "");
    let environment = [("DATABASE_URL", url.as_str()), ("JOB_WORKERS", "8"), ("DB_STATEMENT_TIMEOUT", "2")];
    let (mut first, mut second) =
        (Process::start_worker(&environment).await, Process::start_worker(&environment).await);
    let database = server.database();
    database.sql(TABLES).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients = enqueue(&url, &stop);

    done(&database, 300).await;
    first.kill();
    done(&database, 300).await;
    server.kill();
    second.kill();
    server.resume().await;
    let start = Instant::now();
    // What the workers had begun when they died, which nobody will end.
    let abandoned = running(&database).await;
    let third = Process::start_worker(&environment).await;
    done(&database, 1).await;
    let healed = start.elapsed();
    server.stop();
    server.resume().await;
    done(&database, 300).await;
    stop.store(true, Ordering::Relaxed);

    let mut enqueued = Enqueued::default();
    for client in clients.join_all().await {
        enqueued.acknowledged.extend(client.acknowledged);
        enqueued.rolled_back.extend(client.rolled_back);
        enqueued.open += client.open;
    }
    // A lease of 30 seconds, and the pauses after failed attempts.
    let all_done = async {
        while unfinished(&database).await > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_mins(3), all_done).await;
    assert!(ended.is_ok(), "{} jobs are unfinished: {}", unfinished(&database).await, third.log());
    assert!(enqueued.acknowledged.len() >= JOBS && enqueued.open > 0 && abandoned > 0, "{abandoned}");
    let findings = check(&enqueued, &database).await;
    assert!(findings.taken_over >= abandoned, "{abandoned} were abandoned: {findings:?}");
    println!(
        "| two processes of workers killed, PostgreSQL killed and stopped | jobs run late; {} begun again \
         after their lease, {} attempts failed | {:.1} s | 0 of {}; not acknowledged: {} kept, {} undone |",
        findings.taken_over,
        findings.failed,
        healed.as_secs_f64(),
        enqueued.acknowledged.len(),
        findings.jobs - enqueued.acknowledged.len(),
        enqueued.acknowledged.len() + enqueued.open - findings.jobs,
    );
}
