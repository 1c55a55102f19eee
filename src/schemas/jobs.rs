//! Jobs.

use groundwork_clock::Timestamp;
use groundwork_jobs::JobStatus;
use groundwork_jobs::records::JobRecord;
use groundwork_web::listed;
use groundwork_web::schema::Nullable;
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::domain::ids::JobId;

/// What has become of a job.
#[derive(Enum, Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[oai(rename = "JobStatus", rename_all = "lowercase", remote = "JobStatus")]
#[serde(rename_all = "lowercase")]
pub enum JobStatusView {
    /// It waits for its time, or for a worker.
    Queued,
    /// A worker runs it.
    Running,
    /// It has succeeded.
    Done,
    /// It has failed for the last time.
    Dead,
}

/// Work that the service does after the response, or at certain times.
#[derive(Object, Serialize)]
#[oai(rename = "Job", example)]
pub struct JobView {
    /// The job's ID. It is never reused.
    pub id: JobId,
    /// What the job does.
    #[oai(validator(max_length = 100))]
    pub kind: String,
    /// What has become of the job.
    pub status: JobStatusView,
    /// How often the job was begun since it was enqueued or retried.
    pub attempts: i64,
    /// Why the last attempt failed, or null if none has failed.
    pub last_error: Nullable<String>,
    /// When the job was or is due.
    pub run_at: Timestamp,
    /// When the job was enqueued.
    pub created_at: Timestamp,
    /// When the job succeeded, or failed for the last time; null until then.
    pub finished_at: Nullable<Timestamp>,
}

impl From<JobRecord> for JobView {
    fn from(job: JobRecord) -> Self {
        Self {
            id: JobId(job.id.0),
            kind: job.kind,
            status: job.status.into(),
            attempts: job.attempts,
            last_error: job.last_error.into(),
            run_at: job.run_at,
            created_at: job.created_at,
            finished_at: job.finished_at.into(),
        }
    }
}

example!(JobView {
    id: JobId(1),
    kind: "delete_expired".to_owned(),
    status: JobStatusView::Dead,
    attempts: 3,
    last_error: Nullable(Some("timed out after 60 s".to_owned())),
    run_at: Timestamp::from_seconds(1_769_851_800),
    created_at: Timestamp::from_seconds(1_769_851_740),
    finished_at: Nullable(Some(Timestamp::from_seconds(1_769_851_860))),
});

listed!(JobView, "jobs", "in descending order of `id`, unless `sort` asks for another");
