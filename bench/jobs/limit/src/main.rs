//! The least that a queue in PostgreSQL can cost: an INSERT per job, and a loop that claims jobs by
//! deleting them. A job that is running when the process dies is lost, and a failure has no
//! consequence.

use std::env;
use std::error::Error;

use futures_util::future::try_join_all;
use tokio_postgres::{Client, NoTls};

const SETUP: &str = "CREATE TABLE limit_jobs (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload TEXT NOT NULL)";
const CLAIM: &str = "DELETE FROM limit_jobs WHERE id IN \
                     (SELECT id FROM limit_jobs ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING payload";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
    let (count, concurrency) = (number(2), number(3));
    match arguments[1].as_str() {
        "setup" => Ok(connect().await?.batch_execute(SETUP).await?),
        "enqueue" => enqueue(count, concurrency).await,
        _ => run(count, concurrency).await,
    }
}

async fn connect() -> Result<Client, Box<dyn Error>> {
    let (client, connection) = tokio_postgres::connect(&env::var("DATABASE_URL")?, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// One transaction per job.
async fn enqueue(count: i64, concurrency: i64) -> Result<(), Box<dyn Error>> {
    let connections = (0..concurrency).map(async |first| {
        let client = connect().await?;
        let insert = client.prepare("INSERT INTO limit_jobs (payload) VALUES ($1)").await?;
        let mut number = first;
        while number < count {
            client.execute(&insert, &[&format!("{{\"number\":{number}}}")]).await?;
            number += concurrency;
        }
        Ok::<_, Box<dyn Error>>(())
    });
    try_join_all(connections).await?;
    Ok(())
}

/// As many jobs per claim as the others run at once.
async fn run(count: i64, concurrency: i64) -> Result<(), Box<dyn Error>> {
    let client = connect().await?;
    let claim = client.prepare(CLAIM).await?;
    let mut left = count;
    while left > 0 {
        let jobs = client.query(&claim, &[&concurrency]).await?;
        for job in &jobs {
            let payload: &str = job.get(0);
            assert!(payload.starts_with("{\"number\":"));
        }
        left -= i64::try_from(jobs.len())?;
    }
    Ok(())
}
