//! Enqueues and runs jobs that do nothing, with apalis-postgres.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgPool, PgPoolOptions};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Nothing {
    number: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let pool = PgPoolOptions::new().max_connections(16).connect(&env::var("DATABASE_URL")?).await?;
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let (count, concurrency) = (number(2), number(3));
    match arguments[1].as_str() {
        "setup" => Ok(PostgresStorage::setup(&pool).await?),
        "enqueue" => enqueue(pool, count, concurrency).await,
        _ => run(pool, count, concurrency).await,
    }
}

fn storage(pool: &PgPool, concurrency: u64) -> PostgresStorage<Nothing> {
    let batch = usize::try_from(concurrency).unwrap_or(usize::MAX);
    PostgresStorage::new(pool).with_config(Config::default().queue("nothing").batch_size(batch))
}

/// One transaction per job.
async fn enqueue(pool: PgPool, count: u64, concurrency: u64) -> Result<(), Box<dyn Error>> {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let (mut storage, next) = (storage(&pool, concurrency), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    storage.push(Nothing { number }).await.expect("a job is enqueued");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn run(pool: PgPool, count: u64, concurrency: u64) -> Result<(), Box<dyn Error>> {
    let left = Arc::new(AtomicU64::new(count));
    let work = move |_: Nothing, worker: WorkerContext| {
        let left = Arc::clone(&left);
        async move {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                worker.stop()?;
            }
            Ok::<_, BoxDynError>(())
        }
    };
    let limit = usize::try_from(concurrency)?;
    let worker = WorkerBuilder::new("bench").backend(storage(&pool, concurrency)).concurrency(limit).build(work);
    Ok(worker.run().await?)
}
