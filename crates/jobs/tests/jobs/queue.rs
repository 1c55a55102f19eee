//! Which jobs exist, and when they run.

use std::time::Duration;

use groundwork_database::DbError;
use groundwork_jobs::records::{self, JobFilter};
use groundwork_jobs::{JobStatus, NewJob, Priority, WorkersConfig};

use crate::support::{CONFIG, Note, Recorder, Seen, begun, next, on_both};

on_both! {
    async fn a_job_runs_with_its_payload_and_is_done(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        let id = db.enqueue(NewJob::new(&Note::new("hello"))).await.unwrap();
        assert_eq!(next(&mut seen).await, Seen::Begun("hello".to_owned(), 1));
        let job = db.wait_for(id, JobStatus::Done).await;
        assert_eq!((job.kind.as_str(), job.attempts, job.last_error), ("note", 1, None));
        assert!(job.finished_at.unwrap() >= job.created_at);
        workers.stop().await;
    }

    async fn a_job_is_rolled_back_with_its_transaction(db: TestDatabase) {
        let (queue, now) = (db.queue(), db.clock.now());
        let failed: Result<(), DbError> = db.database.transaction(async |tx| {
            queue.enqueue(tx, &NewJob::new(&Note::new("never")), now).await?;
            Err(DbError::Tls("any error".to_owned()))
        }).await;
        assert!(failed.is_err());
        let all = records::page(&mut db.database.read(), &JobFilter::default(), None, 10).await.unwrap();
        assert_eq!(all, []);
    }

    async fn a_job_wakes_the_workers_when_its_transaction_is_committed(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let never = WorkersConfig { poll_interval: Duration::from_hours(1), ..CONFIG };
        let workers = db.start(recorder.handlers(), &db.clock, never);
        db.enqueue(NewJob::new(&Note::new("first"))).await.unwrap();
        begun(&mut seen, "first").await;
        // The workers have claimed and wait again.
        let (queue, now) = (db.queue(), db.clock.now());
        let done: Result<(), DbError> = db.database.transaction(async |tx| {
            queue.enqueue(tx, &NewJob::new(&Note::new("second")), now).await?;
            Ok(())
        }).await;
        done.unwrap();
        begun(&mut seen, "second").await;
        // Outside of a transaction, too.
        let mut c = db.database.write().await.unwrap();
        queue.enqueue(&mut c, &NewJob::new(&Note::new("third")), now).await.unwrap();
        drop(c);
        begun(&mut seen, "third").await;
        workers.stop().await;
    }

    async fn a_job_waits_for_its_time(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let later = Note::new("later");
        let id = db.enqueue(NewJob::new(&later).after(Duration::from_mins(5))).await.unwrap();
        let workers = db.start_with(recorder.handlers());
        db.enqueue(NewJob::new(&Note::new("now"))).await.unwrap();
        assert_eq!(begun(&mut seen, "now").await, 1);
        assert_eq!(db.find(id).await.status, JobStatus::Queued);
        db.clock.advance(Duration::from_mins(5));
        assert_eq!(begun(&mut seen, "later").await, 1);
        workers.stop().await;
    }

    async fn due_jobs_run_by_priority_and_then_by_age(db: TestDatabase) {
        for (text, priority) in [
            ("low", Priority::Low),
            ("normal 1", Priority::Normal),
            ("normal 2", Priority::Normal),
            ("high", Priority::High),
        ] {
            db.enqueue(NewJob::new(&Note::new(text)).priority(priority)).await.unwrap();
        }
        let later = Note::new("high, later");
        let later = NewJob::new(&later).priority(Priority::High).after(Duration::from_mins(1));
        db.enqueue(later).await.unwrap();
        let (recorder, mut seen) = Recorder::new();
        let one = WorkersConfig { concurrency: 1, ..CONFIG };
        let workers = db.start(recorder.handlers(), &db.clock, one);
        let mut order = Vec::new();
        while order.len() < 4 {
            if let Seen::Begun(text, _) = next(&mut seen).await {
                order.push(text);
            }
        }
        assert_eq!(order, ["high", "normal 1", "normal 2", "low"]);
        workers.stop().await;
    }

    async fn one_job_with_a_dedupe_key_waits_or_runs_at_a_time(db: TestDatabase) {
        let note = Note::new("hang");
        let unique = || NewJob::new(&note).unique("key");
        let first = db.enqueue(unique()).await.unwrap();
        assert_eq!(db.enqueue(unique()).await, None);
        assert!(db.enqueue(NewJob::new(&note).unique("another key")).await.is_some());
        let (recorder, mut seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        begun(&mut seen, "hang").await;
        db.wait_for(first, JobStatus::Running).await;
        assert_eq!(db.enqueue(unique()).await, None);
        begun(&mut seen, "hang").await;
        recorder.let_end.add_permits(2);
        db.wait_for(first, JobStatus::Done).await;
        assert!(db.enqueue(unique()).await.is_some());
        begun(&mut seen, "hang").await;
        recorder.let_end.add_permits(1);
        workers.stop().await;
    }
}
