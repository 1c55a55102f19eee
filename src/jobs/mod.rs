//! The jobs of this service: work that a response does not wait for, and periodic work.
//!
//! The jobs that services enqueue are declared in `services/mail.rs` and `services/webhooks`. Here is
//! what runs them.

mod cleanup;
mod mail;
mod webhooks;

use std::time::Duration;

use cleanup::{Cleanup, DeleteExpired};
use groundwork_jobs::{Handlers, InvalidSchedule};
pub use mail::MailHandler;
use webhooks::Webhooks;

use crate::services::store::Store;
use crate::services::webhooks::{DeliverWebhook, DispatchEvent, WebhookService};

/// What runs each job, and when the periodic ones run (in UTC). Without `mail`, this instance leaves
/// jobs that send mail to the others. Audit events are kept for `audit_retention`, or for ever.
///
/// # Errors
/// A schedule that is no cron expression.
pub fn handlers(
    store: &Store,
    webhooks: &WebhookService,
    mail: Option<MailHandler>,
    audit_retention: Option<Duration>,
) -> Result<Handlers, InvalidSchedule> {
    let cleanup = Cleanup { store: store.clone(), audit_retention };
    let webhooks = Webhooks { service: webhooks.clone() };
    let handlers = Handlers::default()
        .every::<DeleteExpired>("7 3 * * *".parse()?, cleanup)
        .on::<DispatchEvent>(webhooks.clone())
        .on::<DeliverWebhook>(webhooks);
    Ok(match mail {
        Some(mail) => mail.handle_in(handlers),
        None => handlers,
    })
}
