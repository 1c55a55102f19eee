//! Jobs, for superusers and on the command line: what is queued, and what to do with jobs that
//! failed.

use groundwork_auth::Page;
use groundwork_database::Connection;
use groundwork_jobs::records::{self, JobFilter, JobRecord, Retry};
use groundwork_telemetry::context::CallContext;

use super::Error;
use super::idempotency::Idempotency;
use super::store::{Actor, Store};
use crate::domain::ids::JobId;
use crate::models::audit_events::{self, AuditEvent, AuditKind};

const NOT_FOUND: Error = Error::NotFound("job");

#[derive(Clone)]
pub struct JobService {
    pub store: Store,
}

impl JobService {
    /// Lists jobs, starting at `page_token`.
    ///
    /// # Errors
    /// [`Error::InvalidPageToken`] if the token was not issued for this filter.
    pub async fn list(
        &self,
        actor: impl Into<Actor<'_>>,
        filter: &JobFilter,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<JobRecord>, Error> {
        let list = format!("jobs {filter:?}");
        let after = self.store.page_signer.after_id(&list, page_token)?.map(Into::into);
        let mut connection = self.store.read_as(actor);
        let jobs = records::page(&mut connection, filter, after, i64::from(limit) + 1).await?;
        Ok(self.store.page_signer.page(&list, jobs, limit, |job| vec![job.id.0]))
    }

    /// Queues a dead job again, with all its attempts.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::JobNotDead`]; [`Error::JobExpired`] if it has been dead for so
    /// long that its content was deleted; [`Error::JobDuplicate`] if another job for the same work is
    /// queued or running; those of an idempotency key.
    pub async fn retry(
        &self,
        actor: impl Into<Actor<'_>>,
        id: JobId,
        idempotency: &Idempotency<JobRecord>,
        context: &CallContext,
    ) -> Result<JobRecord, Error> {
        let actor = actor.into();
        let once = self.store.begin(actor, idempotency).await?;
        let now = self.store.now();
        let retried = self.store.transaction_for(actor, async |tx| {
            let retry = async |tx: &mut Connection| {
                let job = match records::retry(tx, id.0.into(), now).await? {
                    Retry::Queued(job) => job,
                    Retry::Forgotten => return Err(Error::JobExpired),
                    Retry::NotDead => {
                        let exists = records::find(tx, id.0.into()).await?.is_some();
                        return Err(if exists { Error::JobNotDead } else { NOT_FOUND });
                    }
                };
                let event = AuditEvent::new(AuditKind::JOB_RETRIED, id, context);
                let event = AuditEvent { actor: actor.audit_actor(), ..event };
                audit_events::insert(tx, &event, now).await?;
                Ok(job)
            };
            once.run(tx, retry).await
        });
        retried.await
    }

    /// Deletes a job that is not running.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::JobRunning`].
    pub async fn delete(
        &self,
        actor: impl Into<Actor<'_>>,
        id: JobId,
        context: &CallContext,
    ) -> Result<(), Error> {
        let (actor, now) = (actor.into(), self.store.now());
        let deletion = self.store.transaction_for(actor, async |tx| {
            if !records::delete(tx, id.0.into()).await? {
                let exists = records::find(tx, id.0.into()).await?.is_some();
                return Err(if exists { Error::JobRunning } else { NOT_FOUND });
            }
            let event = AuditEvent::new(AuditKind::JOB_DELETED, id, context);
            let event = AuditEvent { actor: actor.audit_actor(), ..event };
            Ok(audit_events::insert(tx, &event, now).await?)
        });
        deletion.await
    }
}
