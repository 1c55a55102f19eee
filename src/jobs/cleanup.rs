//! Deletes what is no longer needed.

use groundwork_jobs::{Attempt, Handler, Job, JobError};
use serde::{Deserialize, Serialize};

use crate::services::store::Store;

/// Deletes expired rows of every table.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct DeleteExpired {}

impl Job for DeleteExpired {
    const KIND: &'static str = "delete_expired";
    const MAX_ATTEMPTS: u32 = 3;
}

pub struct Cleanup {
    pub store: Store,
}

impl Handler<DeleteExpired> for Cleanup {
    async fn run(&self, _: DeleteExpired, _: Attempt) -> Result<(), JobError> {
        Ok(self.store.delete_expired().await?)
    }
}
