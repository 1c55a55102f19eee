//! Sends events to webhooks.

use groundwork_jobs::{Attempt, Handler, JobError};

use crate::services::webhooks::{DeliverWebhook, DispatchEvent, WebhookService};

#[derive(Clone)]
pub struct Webhooks {
    pub service: WebhookService,
}

impl Handler<DispatchEvent> for Webhooks {
    async fn run(&self, job: DispatchEvent, _: Attempt) -> Result<(), JobError> {
        Ok(self.service.dispatch(job).await?)
    }
}

impl Handler<DeliverWebhook> for Webhooks {
    async fn run(&self, job: DeliverWebhook, _: Attempt) -> Result<(), JobError> {
        Ok(self.service.deliver(&job).await?)
    }
}
