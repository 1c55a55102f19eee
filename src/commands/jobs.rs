//! Commands for jobs.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use groundwork::app;
use groundwork::db::migrations;
use groundwork::domain::ids::JobId;
use groundwork::services::idempotency::Idempotency;
use groundwork::services::jobs::JobService;
use groundwork::services::store::Actor;
use groundwork::settings::Settings;
use groundwork::telemetry;
use groundwork_jobs::records::JobFilter;
use groundwork_telemetry::context::CallContext;

use super::{Result, block_on, print};

/// Lists up to `limit` jobs.
pub fn list(filter: &JobFilter, limit: u16) -> Result {
    with_jobs(async |jobs| {
        let page = jobs.list(Actor::Operator, filter, limit, None).await?;
        let mut text =
            format!("{:<10} {:<8} {:<9} {:<28} {:<27} error\n", "id", "status", "attempts", "kind", "due");
        for job in page.items {
            let (id, status, due) = (job.id.0, job.status.as_str(), job.run_at.to_string());
            let attempts = format!("{} of {}", job.attempts, job.max_attempts);
            let error = job.last_error.unwrap_or_default();
            let row = format!("{id:<10} {status:<8} {attempts:<9} {:<28} {due:<27} {error}", job.kind);
            writeln!(text, "{}", row.trim_end())?;
        }
        print(&text)?;
        if page.next_page.is_some() {
            writeln!(io::stderr(), "There are more jobs: raise --limit, or use --status or --kind.")?;
        }
        Ok(())
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

/// Neither creates nor migrates the database.
fn with_jobs(work: impl AsyncFnOnce(JobService) -> Result) -> Result {
    let settings = Settings::load_without_secret()?;
    let _guard = telemetry::start_log(&settings)?;
    block_on(async {
        migrations::check(&settings).await?;
        work(app::job_service(&settings)?).await
    })
}
