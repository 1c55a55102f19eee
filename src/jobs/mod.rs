//! The jobs of this service: work that a response does not wait for, and periodic work.
//!
//! A job's type stands with the service that enqueues it. Here stands what runs it.

mod cleanup;
mod mail;

use cleanup::{Cleanup, DeleteExpired};
use groundwork_jobs::{Handlers, InvalidSchedule};
pub use mail::Mails;

use crate::services::store::Store;

/// What runs each job, and when the periodic ones run (in UTC). Without `mails`, jobs that send mail
/// wait for an instance that can.
///
/// # Errors
/// A schedule that is no cron expression.
pub fn handlers(store: &Store, mails: Option<Mails>) -> Result<Handlers, InvalidSchedule> {
    let cleanup = Cleanup { store: store.clone() };
    let handlers = Handlers::default().every::<DeleteExpired>("7 3 * * *".parse()?, cleanup);
    Ok(match mails {
        Some(mails) => mails.handle_in(handlers),
        None => handlers,
    })
}
