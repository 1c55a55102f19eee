//! Writes jobs, in the transaction of what they belong to.

use std::time::Duration;

use diesel::prelude::*;
use diesel::result::Error::SerializationError;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, on, prepared};
use groundwork_telemetry::traceparent;
use tracing::Span;

use crate::job::{Job, JobId, JobStatus, Priority};
use crate::schema::jobs;
use crate::wakeups::Wakeups;

/// A job to be enqueued.
#[derive(Clone, Debug)]
pub struct NewJob<'a, J> {
    job: &'a J,
    delay: Duration,
    priority: Priority,
    max_attempts: u32,
    dedupe_key: Option<&'a str>,
    period: Option<Timestamp>,
}

impl<'a, J: Job> NewJob<'a, J> {
    /// A job that is due at once, with the priority and the attempts of its type.
    pub fn new(job: &'a J) -> Self {
        Self {
            job,
            delay: Duration::ZERO,
            priority: J::PRIORITY,
            max_attempts: J::MAX_ATTEMPTS,
            dedupe_key: None,
            period: None,
        }
    }

    /// Makes it due so much later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Gives it another priority than its type has.
    #[must_use]
    pub fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Lets it be tried so often, instead of as its type says.
    #[must_use]
    pub fn max_attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts, ..self }
    }

    /// Enqueues nothing while a job of this kind with this key is queued or running.
    #[must_use]
    pub fn unique(self, dedupe_key: &'a str) -> Self {
        Self { dedupe_key: Some(dedupe_key), ..self }
    }

    pub(crate) fn of_period(self, period: Timestamp) -> Self {
        Self { period: Some(period), ..self }
    }
}

/// Enqueues jobs, and wakes workers once they are committed. Clones wake the same workers.
#[derive(Clone, Debug)]
pub struct Queue {
    wakeups: Wakeups,
}

impl Queue {
    /// A queue whose workers listen to `wakeups`.
    pub fn new(wakeups: Wakeups) -> Self {
        Self { wakeups }
    }

    /// Writes a job on `c`, with one statement. In a transaction the job exists if and only if the
    /// transaction is committed. Returns its id; `None` if its dedupe key is in use.
    ///
    /// # Errors
    /// Those of the database; [`DbError::Query`] if the job cannot be written as JSON.
    pub async fn enqueue<J: Job>(
        &self,
        c: &mut Connection,
        job: &NewJob<'_, J>,
        now: Timestamp,
    ) -> Result<Option<JobId>, DbError> {
        let payload = serde_json::to_string(job.job).map_err(|error| SerializationError(Box::new(error)))?;
        let values = (
            jobs::kind.eq(J::KIND),
            jobs::payload.eq(payload),
            jobs::status.eq(JobStatus::Queued.as_str()),
            jobs::priority.eq(job.priority.number()),
            jobs::attempts.eq(0_i64),
            jobs::max_attempts.eq(i64::from(job.max_attempts.max(1))),
            jobs::run_at.eq(now.plus(job.delay)),
            jobs::dedupe_key.eq(job.dedupe_key),
            jobs::period_at.eq(job.period),
            jobs::traceparent.eq(traceparent(&Span::current())),
            jobs::created_at.eq(now),
        );
        let insert = diesel::insert_into(jobs::table).values(values).on_conflict_do_nothing();
        let insert = insert.returning(jobs::id);
        let id = on!(c, |c| prepared(insert).get_result::<i64>(c)).optional()?;
        if id.is_some() {
            let wakeups = self.wakeups.clone();
            c.after_commit(move || wakeups.send());
        }
        Ok(id.map(JobId))
    }
}
