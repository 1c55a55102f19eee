//! How PostgreSQL finds the jobs to claim among many.

use groundwork_jobs::NewJob;
use groundwork_jobs::records::MAX_COUNT;
use tokio_postgres::Client;

use crate::support::{Backend, CONFIG, Note, Recorder, TestDatabase, begun, client};

/// Jobs of each sort. With fewer, reading all of them would be the best plan.
const ROWS: u32 = 100_000;

async fn crowded(db: &TestDatabase) -> Client {
    let client = client(&db.url).await;
    let insert = |status: &str, priority: u8, run_at: &str| {
        format!(
            "INSERT INTO jobs (kind, payload, status, priority, attempts, max_attempts, run_at, created_at)
             SELECT 'note', '{{\"text\":\"crowd\"}}', '{status}', {priority}, 0, 2, {run_at}, now() FROM generate_series(1, {ROWS});"
        )
    };
    let fill = [
        insert("done", 1, "now()"),
        insert("queued", 0, "now() + interval '1 day'"),
        insert("queued", 1, "now() + interval '1 day'"),
        "ANALYZE jobs".to_owned(),
    ];
    client.batch_execute(&fill.concat()).await.unwrap();
    client
}

/// Scans of the index of due jobs, the jobs that they read, and jobs that were read without an
/// index.
async fn reads(client: &Client) -> (i64, i64, i64) {
    let query = "SELECT i.idx_scan, i.idx_tup_read, t.seq_tup_read FROM pg_stat_user_indexes i \
                 JOIN pg_stat_user_tables t USING (relid) WHERE i.indexrelname = 'jobs_due_idx'";
    let row = client.query_one(query, &[]).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

/// Jobs that are not yet due and jobs that are done cost a claim nothing. Counted, not planned: the
/// planner may plan for the values of one execution.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_reads_only_due_jobs() {
    let db = TestDatabase::new(Backend::Postgres).await;
    let client = crowded(&db).await;
    let (recorder, mut seen) = Recorder::new();
    let workers = db.start_with(recorder.handlers());
    db.enqueue(NewJob::new(&Note::new("due"))).await.unwrap();
    begun(&mut seen, "due").await;
    // PostgreSQL publishes its counts once per second.
    let (scans, read, unindexed) = loop {
        let counts = reads(&client).await;
        if counts.0 >= 60 {
            break counts;
        }
        tokio::time::sleep(CONFIG.poll_interval).await;
    };
    workers.stop().await;
    // The gauges count queued jobs, once.
    assert!(read < MAX_COUNT + 100, "{scans} scans read {read}");
    assert_eq!(unindexed, 0);
}
