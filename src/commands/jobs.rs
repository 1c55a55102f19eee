//! Commands for jobs.

use std::fmt::Write as _;

use groundwork::app;
use groundwork::db::migrations;
use groundwork::domain::ids::JobId;
use groundwork::services::idempotency::Idempotency;
use groundwork::services::jobs::JobService;
use groundwork::services::store::Actor;
use groundwork::settings::Settings;
use groundwork_jobs::JobStatus;
use groundwork_jobs::records::JobFilter;
use groundwork_telemetry::context::CallContext;

use super::{Result, block_on, print};

/// Lists up to `limit` jobs, the newest first.
pub fn list(status: Option<JobStatus>, kind: Option<String>, limit: u16) -> Result {
    let filter = JobFilter { status, kind, oldest_first: false };
    with_jobs(async |jobs| {
        let page = jobs.list(Actor::Operator, &filter, limit, None).await?;
        let mut text =
            format!("{:<10} {:<8} {:<9} {:<28} {:<27} error\n", "id", "status", "attempts", "kind", "due");
        for job in page.items {
            let (id, status, due) = (job.id.0, job.status.as_str(), job.run_at.to_string());
            let attempts = format!("{} of {}", job.attempts, job.max_attempts);
            // It may quote another server, which must not control the operator's terminal.
            let error = job.last_error.unwrap_or_default().replace(char::is_control, " ");
            let row = format!("{id:<10} {status:<8} {attempts:<9} {:<28} {due:<27} {error}", job.kind);
            writeln!(text, "{}", row.trim_end())?;
        }
        if page.next_page.is_some() {
            text.push_str("there are more: --limit\n");
        }
        print(&text)
    })
}

/// Queues a dead job again.
pub fn retry(id: i64) -> Result {
    with_jobs(async |jobs| {
        jobs.retry(Actor::Operator, JobId(id), &Idempotency::none(), &CallContext::local()).await?;
        print(&format!("job {id} is queued again\n"))
    })
}

/// Deletes a job that is not running.
pub fn discard(id: i64) -> Result {
    with_jobs(async |jobs| {
        jobs.delete(Actor::Operator, JobId(id), &CallContext::local()).await?;
        print(&format!("deleted job {id}\n"))
    })
}

fn with_jobs(work: impl AsyncFnOnce(JobService) -> Result) -> Result {
    let settings = Settings::load_without_secret()?;
    block_on(async {
        migrations::prepare(&settings).await?;
        work(app::job_service(&settings)?).await
    })
}
