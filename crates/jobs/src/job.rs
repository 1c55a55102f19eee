//! What an application declares of a job.

use std::error::Error;
use std::time::Duration;

use groundwork_values::{enum_type, id_type};
use serde::Serialize;
use serde::de::DeserializeOwned;

id_type! {
    /// The id of a job.
    pub struct JobId;
}

enum_type! {
    /// What has become of a job.
    pub enum JobStatus {
        /// It waits for its time, or for a worker.
        Queued = "queued",
        /// A worker runs it.
        Running = "running",
        /// It has succeeded.
        Done = "done",
        /// It has failed for the last time.
        Dead = "dead",
    }
}

/// Which of the due jobs run first. Jobs of one priority run in the order of their times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody waits for it.
    High,
    /// Most jobs.
    #[default]
    Normal,
    /// Runs when there is nothing else to do.
    Low,
}

impl Priority {
    pub(crate) const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }
}

/// Work to be done later, with what it needs to know. It is stored as JSON, which is readable by
/// operators: it should name rows by their ids and contain no secrets. It is deleted when the job is
/// done; a dead job keeps it to be tried again, until
/// [`records::forget_dead`](crate::records::forget_dead).
///
/// A job runs at least once. It runs again if its worker dies, or loses the database before it can
/// record the end, so running it twice must do no harm.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name in the table, in metrics and in traces. It must not change while jobs are stored.
    const KIND: &'static str;

    /// How often it is tried, at least once.
    const MAX_ATTEMPTS: u32 = 10;

    /// When it counts as failed; `None` for the default of the workers.
    const TIMEOUT: Option<Duration> = None;

    /// Which of the due jobs run first.
    const PRIORITY: Priority = Priority::Normal;

    /// The pause after a failed attempt, the first of which is 1, before jitter. The default begins
    /// with 10 seconds, doubles with each attempt, and ends at an hour.
    fn backoff(attempt: u32) -> Duration {
        let doubled = BACKOFF.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        doubled.min(MAX_BACKOFF)
    }
}

const BACKOFF: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_hours(1);

/// One attempt at a job.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The job's id, which is the same in each attempt.
    pub job: JobId,
    /// The number of this attempt, from 1.
    pub number: u32,
    /// How many there are at most.
    pub max: u32,
}

impl Attempt {
    /// Whether the job is not tried again if this attempt fails.
    pub fn is_last(&self) -> bool {
        self.number >= self.max
    }
}

/// Runs the jobs of one type.
pub trait Handler<J: Job>: Send + Sync + 'static {
    /// Runs a job. The future is dropped when the time is over, or when another worker may take the
    /// job over.
    ///
    /// # Errors
    /// [`JobError`]; any error can be converted into one.
    fn run(&self, job: J, attempt: Attempt) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// Why an attempt failed. The text of the error is stored with the job and shown by the API, so it
/// must contain no secret. Its sources are only logged.
#[derive(Debug)]
pub struct JobError {
    pub(crate) source: Box<dyn Error + Send + Sync>,
    pub(crate) is_permanent: bool,
}

impl JobError {
    /// An error that makes the job dead at once, because trying again cannot help.
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into(), is_permanent: true }
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for JobError {
    fn from(source: E) -> Self {
        Self { source: source.into(), is_permanent: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Plain;

    impl Job for Plain {
        const KIND: &'static str = "plain";
    }

    #[test]
    fn the_default_pauses_double_up_to_an_hour() {
        let seconds = [1, 2, 3, 9, 10, 40, u32::MAX].map(|attempt| Plain::backoff(attempt).as_secs());
        assert_eq!(seconds, [10, 20, 40, 2_560, 3_600, 3_600, 3_600]);
    }
}
