//! Many workers at once, and their end.

use std::collections::HashMap;
use std::time::Duration;

use groundwork_database::DbError;
use groundwork_jobs::records::{self, JobFilter};
use groundwork_jobs::{JobStatus, NewJob, Priority, WorkersConfig};

use crate::support::{CONFIG, LONG, Note, Recorder, Seen, begun, next, on_both};

const JOBS: usize = 400;

on_both! {
    async fn concurrent_workers_run_each_job_once(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let workers: Vec<_> = (0..3).map(|_| db.start_with(recorder.handlers())).collect();
        let (queue, now) = (db.queue(), db.clock.now());
        for batch in 0..4 {
            let enqueued: Result<(), DbError> = db.database.transaction(async |tx| {
                for number in 0..JOBS / 4 {
                    let note = Note::new(&format!("{batch}/{number}"));
                    queue.enqueue(tx, &NewJob::new(&note), now).await?;
                }
                Ok(())
            }).await;
            enqueued.unwrap();
        }
        let mut begun = HashMap::new();
        let mut ended = 0;
        while ended < JOBS {
            match next(&mut seen).await {
                Seen::Begun(text, _) => *begun.entry(text).or_insert(0) += 1,
                Seen::Ended(_) => ended += 1,
                Seen::Dropped(text) => panic!("{text} was dropped"),
            }
        }
        for workers in workers {
            workers.stop().await;
        }
        assert!(seen.try_recv().is_err());
        assert_eq!(begun.len(), JOBS);
        assert!(begun.values().all(|times| *times == 1));
        let unfinished = JobFilter { status: Some(JobStatus::Queued), ..JobFilter::default() };
        assert_eq!(records::page(&mut db.database.read(), &unfinished, None, 10).await.unwrap(), []);
        let done = JobFilter { status: Some(JobStatus::Done), ..JobFilter::default() };
        assert_eq!(records::page(&mut db.database.read(), &done, None, 1_000).await.unwrap().len(), JOBS);
    }

    async fn slow_jobs_of_low_priority_leave_a_place_for_others(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let slow = Note::new("hang");
        for _ in 0..3 {
            db.enqueue(NewJob::new(&slow).priority(Priority::Low)).await.unwrap();
        }
        // They do not poll: a wake-up, or a place that becomes free, is what makes them claim.
        let config = WorkersConfig { concurrency: 2, poll_interval: LONG * 10, ..CONFIG };
        let workers = db.start(recorder.handlers(), &db.clock, config);
        begun(&mut seen, "hang").await;
        for number in 0..3 {
            let text = format!("quick {number}");
            db.enqueue(NewJob::new(&Note::new(&text))).await.unwrap();
            assert_eq!(next(&mut seen).await, Seen::Begun(text.clone(), 1));
            assert_eq!(next(&mut seen).await, Seen::Ended(text));
        }
        for _ in 0..2 {
            recorder.let_end.add_permits(1);
            assert_eq!(next(&mut seen).await, Seen::Ended("hang".to_owned()));
            assert_eq!(next(&mut seen).await, Seen::Begun("hang".to_owned(), 1));
        }
        recorder.let_end.add_permits(1);
        workers.stop().await;
    }

    async fn workers_that_stop_let_their_jobs_end_and_begin_no_more(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        let id = db.enqueue(NewJob::new(&Note::new("hang"))).await.unwrap();
        begun(&mut seen, "hang").await;
        workers.stop.cancel();
        let late = db.enqueue(NewJob::new(&Note::new("late"))).await.unwrap();
        recorder.let_end.add_permits(1);
        workers.stop().await;
        assert_eq!(db.find(id).await.status, JobStatus::Done);
        let late = db.find(late).await;
        assert!(matches!(late.status, JobStatus::Queued | JobStatus::Done), "never half-way: {late:?}");
    }

    async fn a_job_that_outlasts_the_drain_is_queued_again_and_loses_no_attempt(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let brief = WorkersConfig { drain: Duration::from_millis(50), ..CONFIG };
        let workers = db.start(recorder.handlers(), &db.clock, brief);
        let id = db.enqueue(NewJob::new(&Note::new("hang"))).await.unwrap();
        begun(&mut seen, "hang").await;
        workers.stop().await;
        assert_eq!(next(&mut seen).await, Seen::Dropped("hang".to_owned()));
        let job = db.find(id).await;
        assert_eq!((job.status, job.attempts), (JobStatus::Queued, 0));
        let workers = db.start_with(recorder.handlers());
        assert_eq!(begun(&mut seen, "hang").await, 1);
        recorder.let_end.add_permits(1);
        workers.stop().await;
    }
}
