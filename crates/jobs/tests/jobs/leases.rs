//! Workers that die, and workers that come back.

use std::time::Duration;

use groundwork_clock::Clock;
use groundwork_jobs::{JobStatus, NewJob, WorkersConfig};

use crate::support::{CONFIG, LONG, Note, Recorder, Seen, begun, next, on_both};

/// Short, but long enough for a busy machine to renew it in time.
const LEASE: Duration = Duration::from_secs(6);

/// Renews leases and looks for jobs to take over every two seconds. `CONFIG` looks at the start and every
/// ten seconds.
fn taking_over() -> WorkersConfig {
    WorkersConfig { lease: LEASE, ..CONFIG }
}

on_both! {
    async fn a_job_of_a_worker_that_died_is_taken_over_when_its_lease_has_run_out(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let first = db.start_with(recorder.handlers());
        let id = db.enqueue(NewJob::new(&Note::new("hang"))).await.unwrap();
        assert_eq!(begun(&mut seen, "hang").await, 1);
        first.kill().await;
        assert_eq!(next(&mut seen).await, Seen::Dropped("hang".to_owned()));

        let second = db.start(recorder.handlers(), &db.clock, taking_over());
        let other = db.enqueue(NewJob::new(&Note::new("other"))).await.unwrap();
        db.wait_for(other, JobStatus::Done).await;
        assert_eq!(db.find(id).await.status, JobStatus::Running, "the lease holds");
        db.clock.advance(LONG);
        assert_eq!(begun(&mut seen, "hang").await, 2);
        recorder.let_end.add_permits(1);
        assert_eq!(db.wait_for(id, JobStatus::Done).await.attempts, 2);
        second.stop().await;
    }

    async fn a_job_that_kills_its_workers_is_dead_after_the_last_attempt(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let id = db.enqueue(NewJob::new(&Note::new("hang"))).await.unwrap();
        for attempt in 1..=2 {
            let workers = db.start_with(recorder.handlers());
            assert_eq!(begun(&mut seen, "hang").await, attempt);
            workers.kill().await;
            db.clock.advance(LONG);
        }
        let workers = db.start_with(recorder.handlers());
        let job = db.wait_for(id, JobStatus::Dead).await;
        assert!(job.last_error.unwrap().starts_with("the worker died"));
        workers.stop().await;
    }

    async fn a_lease_is_renewed_while_its_job_runs(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let workers = [0, 1].map(|_| db.start(recorder.handlers(), &db.clock, taking_over()));
        let id = db.enqueue(NewJob::new(&Note::new("hang"))).await.unwrap();
        begun(&mut seen, "hang").await;
        // Two leases long, both workers look for leases that have run out.
        let quiet = tokio::time::timeout(2 * LEASE, seen.recv()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        recorder.let_end.add_permits(1);
        assert_eq!(db.wait_for(id, JobStatus::Done).await.attempts, 1);
        for workers in workers {
            workers.stop().await;
        }
    }

    async fn a_worker_that_has_lost_its_lease_abandons_the_job_and_records_nothing(db: TestDatabase) {
        let (slow, mut seen_slow) = Recorder::new();
        let first = db.start(slow.handlers(), &db.clock, taking_over());
        let id = db.enqueue(NewJob::new(&Note::new("hang"))).await.unwrap();
        begun(&mut seen_slow, "hang").await;
        // It claims no more, and lets the job end.
        first.stop.cancel();
        // To an instance whose clock is ahead, the lease has run out.
        let ahead = Clock::default();
        ahead.advance(Duration::from_hours(1));
        let (recorder, mut seen) = Recorder::new();
        let second = db.start(recorder.handlers(), &ahead, CONFIG);
        assert_eq!(next(&mut seen_slow).await, Seen::Dropped("hang".to_owned()));
        assert_eq!(begun(&mut seen, "hang").await, 2);
        first.stop().await;
        assert_eq!(db.find(id).await.status, JobStatus::Running);
        recorder.let_end.add_permits(1);
        assert_eq!(db.wait_for(id, JobStatus::Done).await.attempts, 2);
        second.stop().await;
    }
}
