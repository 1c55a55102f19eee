//! Enqueues and runs jobs that do nothing, in the empty PostgreSQL database `DATABASE_URL`: `setup`,
//! `enqueue COUNT CONCURRENCY`, `run COUNT CONCURRENCY`.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use groundwork_clock::Clock;
use groundwork_database::url::PoolMode;
use groundwork_database::{Config, Database, DbError, PoolSize};
use groundwork_jobs::{
    Attempt, Handler, Handlers, Job, JobError, NewJob, POSTGRES_MIGRATION, Queue, Wakeups, Workers,
    WorkersConfig,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Serialize, Deserialize)]
struct Nothing {
    number: u64,
}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
}

/// Counts down, and tells when all jobs have run.
#[derive(Clone)]
struct Counter {
    left: Arc<AtomicU64>,
    done: Arc<Notify>,
}

impl Handler<Nothing> for Counter {
    async fn run(&self, _: Nothing, _: Attempt) -> Result<(), JobError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.done.notify_one();
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let url = env::var("DATABASE_URL")?;
    let number =
        |place: usize| arguments.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let (count, concurrency) = (number(2), number(3));
    match arguments[1].as_str() {
        "setup" => setup(&url).await,
        "enqueue" => enqueue(database(&url, concurrency)?, count, concurrency).await,
        _ => run(database(&url, 16)?, count, concurrency).await,
    }
}

async fn setup(url: &str) -> Result<(), Box<dyn Error>> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client.batch_execute(POSTGRES_MIGRATION).await?)
}

fn database(url: &str, connections: u64) -> Result<Database, Box<dyn Error>> {
    let connections = u32::try_from(connections)?;
    Ok(Database::new(&Config {
        url: url.parse()?,
        replica_urls: Vec::new(),
        pool_mode: PoolMode::Session,
        application_name: "bench".to_owned(),
        pool_size: PoolSize { min_idle: 1, max_size: connections },
        pool_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(30),
    })?)
}

/// One transaction per job, as a request would have it.
async fn enqueue(database: Database, count: u64, concurrency: u64) -> Result<(), Box<dyn Error>> {
    let clock = Clock::default();
    let queue = Queue::new(Wakeups::new(None, &database));
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let (database, clock, queue, next) =
                (database.clone(), clock.clone(), queue.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, DbError>(());
                    }
                    let job = Nothing { number };
                    database
                        .transaction(async |tx| queue.enqueue(tx, &NewJob::new(&job), clock.now()).await)
                        .await?;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn run(database: Database, count: u64, concurrency: u64) -> Result<(), Box<dyn Error>> {
    let counter = Counter { left: Arc::new(AtomicU64::new(count)), done: Arc::default() };
    let handlers = Handlers::default().on::<Nothing>(counter.clone());
    let wakeups = Wakeups::new(None, &database);
    let config = WorkersConfig { concurrency: usize::try_from(concurrency)?, ..WorkersConfig::default() };
    let workers = Workers::new(database, Clock::default(), handlers, wakeups, config);
    let stop = CancellationToken::new();
    let running = tokio::spawn(workers.run(stop.clone()));
    counter.done.notified().await;
    stop.cancel();
    Ok(running.await?)
}
