//! `/jobs`: work after the response, for superusers.

use groundwork_jobs::records::JobFilter;
use groundwork_web::error_responses;
use groundwork_web::extract::{Path, Query};
use groundwork_web::failure::Failure;
use groundwork_web::idempotency::IdempotencyKey;
use groundwork_web::page::{Page, PageSize, PageToken};
use groundwork_web::responses::{NoContent, Ok200};
use poem_openapi::OpenApi;

use super::Tag;
use crate::api::context::Context;
use crate::api::guards::Permitted;
use crate::api::idempotency::once;
use crate::domain::ids::JobId;
use crate::domain::permissions::{JobsRead, JobsWrite};
use crate::domain::sort::Sort;
use crate::domain::text::JobKind;
use crate::schemas::jobs::{JobStatusView, JobView};
use crate::services::jobs::JobService;

error_responses! {
    RetryErrors: 404 "not_found", 409 "job_not_dead,job_expired,job_duplicate";
    DeleteErrors: 404 "not_found", 409 "job_running";
}

pub struct JobsApi {
    pub jobs: JobService,
}

#[OpenApi(prefix_path = "/jobs", tag = "Tag::Jobs")]
impl JobsApi {
    /// List jobs
    ///
    /// Returns one page of jobs in descending order of `id`, so the newest come first, or with
    /// `sort=created_at` in ascending order. To get the next page, send `next_page` as `page_token`
    /// with the same filters and the same `sort`, until it is null. Jobs that succeeded are kept for
    /// seven days.
    #[oai(path = "/", method = "get", operation_id = "jobs_list")]
    async fn list(
        &self,
        caller: Permitted<JobsRead>,
        /// The maximum number of jobs per page.
        #[oai(default)]
        limit: Query<PageSize>,
        page_token: Query<Option<PageToken>>,
        sort: Query<Option<Sort>>,
        /// Only jobs in this status.
        status: Query<Option<JobStatusView>>,
        /// Only jobs of this kind.
        kind: Query<Option<JobKind>>,
    ) -> Result<Ok200<Page<JobView>>, Failure> {
        let filter = JobFilter {
            status: status.0.map(Into::into),
            kind: kind.0.map(|kind| kind.as_str().to_owned()),
            oldest_first: sort.0 == Some(Sort::OldestFirst),
        };
        let page = self.jobs.list(&caller.0, &filter, limit.0.0, page_token.0.as_deref()).await?;
        Ok(Ok200::of(Page::of(page.items, page.next_page)))
    }

    /// Retry a job
    ///
    /// Queues a dead job again, with all its attempts. What a job needs to run is deleted seven days
    /// after it died; then it can only be deleted.
    #[oai(path = "/:id/retry", method = "post", operation_id = "jobs_retry")]
    async fn retry(
        &self,
        caller: Permitted<JobsWrite>,
        context: Context,
        id: Path<JobId>,
        idempotency_key: IdempotencyKey,
    ) -> Result<Ok200<JobView>, Failure<RetryErrors>> {
        let once = once(idempotency_key, Ok200::<JobView>::of);
        Ok(Ok200::of(self.jobs.retry(&caller.0, id.0, &once, &context).await?))
    }

    /// Delete a job
    ///
    /// Deletes a job that is not running. A job that is queued will not run.
    #[oai(path = "/:id", method = "delete", operation_id = "jobs_delete")]
    async fn delete(
        &self,
        caller: Permitted<JobsWrite>,
        context: Context,
        id: Path<JobId>,
    ) -> Result<NoContent, Failure<DeleteErrors>> {
        self.jobs.delete(&caller.0, id.0, &context).await?;
        Ok(NoContent)
    }
}
