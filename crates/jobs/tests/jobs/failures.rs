//! What becomes of a job that fails.

use std::time::Duration;

use groundwork_jobs::{Handlers, JobStatus, NewJob, WorkersConfig};

use crate::support::{CONFIG, Note, Recorder, begun, on_both};

on_both! {
    async fn a_failed_job_is_tried_again_after_a_pause_and_dead_after_the_last_attempt(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        let id = db.enqueue(NewJob::new(&Note::new("fail"))).await.unwrap();
        assert_eq!(begun(&mut seen, "fail").await, 1);
        let job = loop {
            let job = db.wait_for(id, JobStatus::Queued).await;
            if job.last_error.is_some() {
                break job;
            }
        };
        assert_eq!((job.attempts, job.last_error.as_deref()), (1, Some("it is told to fail")));
        let pause = job.run_at.since(job.created_at);
        assert!(pause >= Duration::from_secs(5) && pause < Duration::from_secs(30), "{pause:?}");
        db.clock.advance(Duration::from_secs(10));
        assert_eq!(begun(&mut seen, "fail").await, 2);
        let job = db.wait_for(id, JobStatus::Dead).await;
        assert_eq!((job.attempts, job.max_attempts), (2, 2));
        assert!(job.finished_at.is_some());
        workers.stop().await;
    }

    async fn a_permanent_error_makes_a_job_dead_at_once(db: TestDatabase) {
        let (recorder, _seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        let id = db.enqueue(NewJob::new(&Note::new("hopeless"))).await.unwrap();
        assert_eq!(db.wait_for(id, JobStatus::Dead).await.attempts, 1);
        workers.stop().await;
    }

    async fn a_panic_fails_its_own_job_only(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        let id = db.enqueue(NewJob::new(&Note::new("panic"))).await.unwrap();
        begun(&mut seen, "panic").await;
        let next = db.enqueue(NewJob::new(&Note::new("next"))).await.unwrap();
        db.wait_for(next, JobStatus::Done).await;
        let job = db.wait_for(id, JobStatus::Queued).await;
        assert_eq!(job.last_error.as_deref(), Some("the handler panicked"));
        workers.stop().await;
    }

    async fn a_job_that_takes_too_long_has_failed(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let brief = WorkersConfig { timeout: Duration::from_millis(50), ..CONFIG };
        let workers = db.start(recorder.handlers(), &db.clock, brief);
        let id = db.enqueue(NewJob::new(&Note::new("hang"))).await.unwrap();
        begun(&mut seen, "hang").await;
        let job = db.wait_for(id, JobStatus::Queued).await;
        assert_eq!(job.last_error.as_deref(), Some("timed out after 0.05 s"));
        workers.stop().await;
    }

    async fn a_kind_that_no_handler_knows_is_left_to_a_newer_release(db: TestDatabase) {
        let old = db.start_with(Handlers::default());
        let id = db.enqueue(NewJob::new(&Note::new("new"))).await.unwrap();
        let job = loop {
            let job = db.find(id).await;
            if job.run_at > job.created_at {
                break job;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!((job.status, job.attempts), (JobStatus::Queued, 0));
        old.stop().await;
        let (recorder, mut seen) = Recorder::new();
        let new = db.start_with(recorder.handlers());
        db.clock.advance(Duration::from_mins(1));
        assert_eq!(begun(&mut seen, "new").await, 1);
        new.stop().await;
    }
}
