//! Jobs while the database cuts its connections.

use std::collections::HashMap;
use std::time::Duration;

use groundwork_database::DbError;
use groundwork_jobs::records::{self, JobFilter};
use groundwork_jobs::{JobId, NewJob, WorkersConfig};

use crate::support::{
    Backend, CONFIG, LONG, Note, Recorder, Seen, TestDatabase, client, connect, start_instances,
};

/// Committed jobs, besides those whose commit was cut off.
const JOBS: usize = 100;

/// Ends every connection of the application.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'jobs'";

/// The ids of the jobs whose transaction was reported as committed.
async fn enqueue_all(db: &TestDatabase) -> Vec<JobId> {
    let (queue, mut committed) = (db.queue(), Vec::new());
    let mut number = 0;
    while committed.len() < JOBS {
        number += 1;
        let (note, now) = (Note::new(&number.to_string()), db.clock.now());
        let job = NewJob::new(&note).max_attempts(100);
        let enqueued: Result<_, DbError> =
            db.database.transaction(async |tx| queue.enqueue(tx, &job, now).await).await;
        committed.extend(enqueued.ok().flatten());
    }
    committed
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn no_committed_job_is_lost_while_connections_are_cut() {
    let db = TestDatabase::new(Backend::Postgres).await;
    let (recorder, mut seen) = Recorder::new();
    // Short leases, so that jobs whose claim was cut off are soon taken over.
    let config = WorkersConfig { lease: Duration::from_secs(1), ..CONFIG };
    let workers = start_instances(&db, 2, &recorder, config);
    let cutter = client(&db.url).await;
    let cutting = tokio::spawn(async move {
        loop {
            cutter.batch_execute(CUT).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let committed = enqueue_all(&db).await;
    cutting.abort();
    assert!(cutting.await.unwrap_err().is_cancelled());
    let observer = client(&db.url).await;
    let unfinished = "SELECT count(*) FROM jobs WHERE status <> 'done'";
    let all_done = async {
        while observer.query_one(unfinished, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, all_done).await.expect("all jobs are done");
    for workers in workers {
        tokio::time::timeout(LONG, workers.stop()).await.unwrap();
    }
    let mut runs = HashMap::new();
    while let Ok(event) = seen.try_recv() {
        if let Seen::Begun(text, _) = event {
            *runs.entry(text).or_insert(0_i64) += 1;
        }
    }
    let database = connect(&db.url.parse().unwrap());
    let jobs = records::page(&mut database.read(), &JobFilter::default(), None, 1_000).await.unwrap();
    let attempts: i64 = jobs.iter().map(|job| job.attempts).sum();
    // A claim may be cut off before its jobs begin, but none begins without one.
    assert!(runs.values().sum::<i64>() <= attempts, "{runs:?}");
    assert!(committed.iter().all(|id| jobs.iter().any(|job| job.id == *id)));
    assert_eq!(runs.len(), jobs.len());
}
