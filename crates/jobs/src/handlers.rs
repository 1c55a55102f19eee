//! Which code runs which jobs.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError};

use crate::enqueue::{NewJob, Queue};
use crate::job::{Attempt, Handler, Job, JobError, JobId};
use crate::schedule::Schedule;

/// The handlers of an application, by the kinds of their jobs. Clones are cheap.
#[derive(Clone, Default)]
pub struct Handlers {
    by_kind: HashMap<&'static str, Arc<dyn AnyHandler>>,
    pub(crate) periodic: Vec<Arc<dyn AnyPeriodic>>,
}

impl Handlers {
    /// Lets `handler` run the jobs of type `J`.
    #[must_use]
    pub fn on<J: Job>(mut self, handler: impl Handler<J>) -> Self {
        self.by_kind.insert(J::KIND, Arc::new(Typed { handler, job: PhantomData::<fn() -> J> }));
        self
    }

    /// Enqueues a job of type `J` at each time of `schedule`, once across all instances, and lets
    /// `handler` run it. A time at which no instance runs is made up for by the first one that
    /// starts within ten minutes.
    #[must_use]
    pub fn every<J: Job + Default>(mut self, schedule: Schedule, handler: impl Handler<J>) -> Self {
        self.periodic.push(Arc::new(Periodic { schedule, job: PhantomData::<fn() -> J> }));
        self.on(handler)
    }

    pub(crate) fn of(&self, kind: &str) -> Option<(&'static str, Arc<dyn AnyHandler>)> {
        self.by_kind.get_key_value(kind).map(|(kind, handler)| (*kind, Arc::clone(handler)))
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_kind.keys()).finish()
    }
}

/// A handler whose type of jobs is forgotten.
pub(crate) trait AnyHandler: Send + Sync {
    fn run<'a>(&'a self, payload: &'a str, attempt: Attempt) -> BoxFuture<'a, Result<(), JobError>>;
    fn timeout(&self) -> Option<Duration>;
    fn backoff(&self, attempt: u32) -> Duration;
}

struct Typed<J, H> {
    handler: H,
    job: PhantomData<fn() -> J>,
}

impl<J: Job, H: Handler<J>> AnyHandler for Typed<J, H> {
    fn run<'a>(&'a self, payload: &'a str, attempt: Attempt) -> BoxFuture<'a, Result<(), JobError>> {
        Box::pin(async move {
            // An error of serde may show a part of the payload.
            let job = serde_json::from_str(payload).map_err(|_| UnreadablePayload)?;
            self.handler.run(job, attempt).await
        })
    }

    fn timeout(&self) -> Option<Duration> {
        J::TIMEOUT
    }

    fn backoff(&self, attempt: u32) -> Duration {
        J::backoff(attempt)
    }
}

/// Another release has written the job.
#[derive(Debug, thiserror::Error)]
#[error("the payload is not one of this kind of job")]
struct UnreadablePayload;

/// A job to be enqueued by the clock.
pub(crate) trait AnyPeriodic: Send + Sync {
    fn schedule(&self) -> &Schedule;
    fn enqueue<'a>(
        &'a self,
        queue: &'a Queue,
        c: &'a mut Connection,
        period: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<JobId>, DbError>>;
}

struct Periodic<J> {
    schedule: Schedule,
    job: PhantomData<fn() -> J>,
}

impl<J: Job + Default> AnyPeriodic for Periodic<J> {
    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn enqueue<'a>(
        &'a self,
        queue: &'a Queue,
        c: &'a mut Connection,
        period: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<JobId>, DbError>> {
        Box::pin(async move {
            let job = J::default();
            queue.enqueue(c, &NewJob::new(&job).of_period(period), now).await
        })
    }
}
