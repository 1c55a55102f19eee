//! Jobs that the clock enqueues.

use std::time::Duration;

use groundwork_clock::{Clock, Timestamp};
use groundwork_jobs::records::{self, JobFilter};
use groundwork_jobs::{Handlers, JobStatus};

use crate::support::{CONFIG, Note, Recorder, Seen, TestDatabase, next, on_both};

fn hourly(recorder: &Recorder) -> Handlers {
    Handlers::default().every::<Note>("30 * * * *".parse().unwrap(), recorder.clone())
}

/// A clock that stands at this minute of a later hour.
fn clock_at(minute: i64) -> Clock {
    let clock = Clock::default();
    let now = clock.now();
    let hour = now.seconds() / 3_600 + 1;
    clock.advance(Timestamp::from_seconds(hour * 3_600 + minute * 60).since(now));
    clock
}

async fn count(db: &TestDatabase) -> usize {
    records::page(&mut db.database.read(), &JobFilter::default(), None, 100).await.unwrap().len()
}

on_both! {
    async fn a_periodic_job_runs_once_per_period_across_all_instances(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let (clock, behind) = (clock_at(15), clock_at(14));
        let workers = [&clock, &clock, &behind].map(|clock| db.start(hourly(&recorder), clock, CONFIG));
        for period in 1..=3 {
            for clock in [&clock, &behind] {
                clock.advance(Duration::from_mins(if period == 1 { 15 } else { 60 }));
            }
            assert_eq!(next(&mut seen).await, Seen::Begun(String::new(), 1));
            assert_eq!(next(&mut seen).await, Seen::Ended(String::new()));
            // The one that is behind comes to the same period when the job is done.
            behind.advance(Duration::from_mins(1));
            let quiet = tokio::time::timeout(10 * CONFIG.poll_interval, seen.recv()).await;
            assert!(quiet.is_err(), "{quiet:?}");
            assert_eq!(count(&db).await, period);
        }
        for workers in workers {
            workers.stop().await;
        }
    }

    async fn a_time_that_was_missed_briefly_is_made_up_for_once(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let clock = clock_at(35);
        for _ in 0..2 {
            let workers = db.start(hourly(&recorder), &clock, CONFIG);
            if count(&db).await == 0 {
                assert_eq!(next(&mut seen).await, Seen::Begun(String::new(), 1));
            }
            workers.stop().await;
        }
        let done = JobFilter { status: Some(JobStatus::Done), ..JobFilter::default() };
        assert_eq!(records::page(&mut db.database.read(), &done, None, 100).await.unwrap().len(), 1);
    }
}
