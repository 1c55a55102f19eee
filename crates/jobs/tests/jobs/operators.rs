//! What operators see and do.

use std::time::Duration;

use groundwork_database::DbError;
use groundwork_jobs::records::{self, DEDUPE_KEY, JobFilter, Retry, Stats};
use groundwork_jobs::{Job, JobId, JobStatus, NewJob, Priority};
use serde::{Deserialize, Serialize};

use crate::support::{Note, Recorder, begun, on_both};

#[derive(Serialize, Deserialize)]
struct Other;

impl Job for Other {
    const KIND: &'static str = "other";
}

on_both! {
    async fn a_list_shows_the_newest_first_in_pages_by_status_and_kind(db: TestDatabase) {
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(db.enqueue(NewJob::new(&Note::new("note"))).await.unwrap());
            ids.push(db.enqueue(NewJob::new(&Other)).await.unwrap());
        }
        let list = async |filter: &JobFilter, before: Option<JobId>, limit| {
            let page = records::page(&mut db.database.read(), filter, before, limit).await.unwrap();
            page.into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        let all = JobFilter::default();
        assert_eq!(list(&all, None, 2).await, [ids[5], ids[4]]);
        assert_eq!(list(&all, Some(ids[4]), 3).await, [ids[3], ids[2], ids[1]]);
        let notes = JobFilter { kind: Some("note".to_owned()), ..JobFilter::default() };
        assert_eq!(list(&notes, None, 10).await, [ids[4], ids[2], ids[0]]);
        for status in JobStatus::ALL {
            let of_status = JobFilter { status: Some(status), ..notes.clone() };
            let expected = if status == JobStatus::Queued { 3 } else { 0 };
            assert_eq!(list(&of_status, None, 10).await.len(), expected, "{status:?}");
        }
    }

    async fn a_dead_job_can_be_tried_again_with_all_its_attempts(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        let note = Note::new("hopeless");
        let id = db.enqueue(NewJob::new(&note).unique("key")).await.unwrap();
        begun(&mut seen, "hopeless").await;
        db.wait_for(id, JobStatus::Dead).await;
        let now = db.clock.now();
        let mut c = db.database.write().await.unwrap();
        assert_eq!(records::retry(&mut c, JobId(id.0 + 1), now).await.unwrap(), Retry::NotDead);
        let Retry::Queued(again) = records::retry(&mut c, id, now).await.unwrap() else {
            panic!("it is dead");
        };
        drop(c);
        assert_eq!((again.status, again.attempts, again.finished_at), (JobStatus::Queued, 0, None));
        assert_eq!(begun(&mut seen, "hopeless").await, 1);
        db.wait_for(id, JobStatus::Dead).await;
        workers.stop().await;

        db.enqueue(NewJob::new(&note).unique("key")).await.unwrap();
        let refused = records::retry(&mut db.database.write().await.unwrap(), id, now).await;
        assert!(matches!(&refused, Err(DbError::Unique { constraint }) if constraint == DEDUPE_KEY), "{refused:?}");
    }

    async fn a_job_can_be_deleted_unless_it_runs(db: TestDatabase) {
        let (recorder, mut seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        let running = db.enqueue(NewJob::new(&Note::new("hang"))).await.unwrap();
        begun(&mut seen, "hang").await;
        let later = Note::new("later");
        let queued = db.enqueue(NewJob::new(&later).after(Duration::from_hours(1))).await.unwrap();
        let delete = async |id| {
            records::delete(&mut db.database.write().await.unwrap(), id).await.unwrap()
        };
        assert!(!delete(running).await);
        assert!(delete(queued).await && !delete(queued).await);
        recorder.let_end.add_permits(1);
        db.wait_for(running, JobStatus::Done).await;
        assert!(delete(running).await);
        workers.stop().await;
    }

    async fn finished_jobs_are_deleted_by_age(db: TestDatabase) {
        let (recorder, _seen) = Recorder::new();
        let workers = db.start_with(recorder.handlers());
        let old = db.enqueue(NewJob::new(&Note::new("old"))).await.unwrap();
        let dead = db.enqueue(NewJob::new(&Note::new("hopeless"))).await.unwrap();
        db.wait_for(old, JobStatus::Done).await;
        db.wait_for(dead, JobStatus::Dead).await;
        db.clock.advance(Duration::from_hours(48));
        let limit = db.clock.now();
        let young = db.enqueue(NewJob::new(&Note::new("young"))).await.unwrap();
        db.wait_for(young, JobStatus::Done).await;
        workers.stop().await;
        let mut c = db.database.write().await.unwrap();
        assert_eq!(records::delete_done(&mut c, limit, 100).await.unwrap(), 1);
        drop(c);
        let left = records::page(&mut db.database.read(), &JobFilter::default(), None, 10).await.unwrap();
        assert_eq!(left.iter().map(|job| job.id).collect::<Vec<_>>(), [young, dead]);
    }

    async fn the_state_of_the_queue_is_measured(db: TestDatabase) {
        let stats = async || records::stats(&mut db.database.read(), db.clock.now()).await.unwrap();
        assert_eq!(stats().await, Stats::default());
        db.enqueue(NewJob::new(&Note::new("low")).priority(Priority::Low)).await.unwrap();
        db.clock.advance(Duration::from_secs(100));
        db.enqueue(NewJob::new(&Note::new("high")).priority(Priority::High)).await.unwrap();
        db.enqueue(NewJob::new(&Note::new("later")).after(Duration::from_hours(1))).await.unwrap();
        let stats = stats().await;
        assert_eq!((stats.queued, stats.dead), (3, 0));
        let age = stats.oldest_due;
        assert!(age >= Duration::from_secs(100) && age < Duration::from_secs(160), "{age:?}");
    }
}
