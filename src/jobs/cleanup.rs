//! Deletes what is no longer needed.

use std::time::Duration;

use groundwork_jobs::{Attempt, Handler, Job, JobError};
use serde::{Deserialize, Serialize};

use crate::services::store::Store;

/// Deletes expired rows of every table, and audit events that are old enough.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct DeleteExpired {}

impl Job for DeleteExpired {
    const KIND: &'static str = "delete_expired";
    const MAX_ATTEMPTS: u32 = 3;
}

pub struct Cleanup {
    pub store: Store,
    /// How long audit events are kept; for ever without one.
    pub audit_retention: Option<Duration>,
}

impl Handler<DeleteExpired> for Cleanup {
    async fn run(&self, _: DeleteExpired, _: Attempt) -> Result<(), JobError> {
        Ok(self.store.delete_expired(self.audit_retention).await?)
    }
}
