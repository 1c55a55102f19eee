//! Records how attempts ended. Those that end while one is recorded are recorded together.

use std::sync::Arc;
use std::time::Duration;

use groundwork_database::DbError;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::claim::{self, LeaseToken, with_jitter};
use crate::run::{Ended, Outcome};
use crate::workers::Context;

/// How many are recorded with one statement at most.
const MAX_BATCH: usize = 256;

/// The pause before a record is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How long a job waits that no handler of this release knows: another instance may be newer.
const UNKNOWN_KIND_PAUSE: Duration = Duration::from_mins(1);

/// Records all that it receives, until there are no more senders.
pub(crate) async fn record_all(context: Arc<Context>, mut ended: mpsc::UnboundedReceiver<Ended>) {
    let mut batch = Vec::new();
    while ended.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let mut done = Vec::new();
        let mut others = Vec::new();
        for Ended { job, outcome } in batch.drain(..) {
            match outcome {
                Outcome::Done => done.push(job),
                Outcome::LeaseLost => context.leases.remove(job),
                outcome => others.push(Ended { job, outcome }),
            }
        }
        if !done.is_empty() {
            persist(&context, &Entry::Done(done)).await;
        }
        for ended in others {
            persist(&context, &Entry::Other(ended)).await;
        }
    }
}

/// What is written with one statement.
enum Entry {
    Done(Vec<(i64, LeaseToken)>),
    Other(Ended),
}

impl Entry {
    fn jobs(&self) -> &[(i64, LeaseToken)] {
        match self {
            Self::Done(jobs) => jobs,
            Self::Other(ended) => std::slice::from_ref(&ended.job),
        }
    }
}

/// Writes an entry, as often as necessary while the database is away and the jobs are held. A job
/// whose end cannot be recorded runs again.
async fn persist(context: &Context, entry: &Entry) {
    let mut was_away = false;
    loop {
        match write(context, entry).await {
            Ok(true) => break,
            // Written by an attempt whose answer was lost.
            Ok(false) if was_away => break,
            Ok(false) => {
                tracing::warn!(
                    "the end of a job was not recorded: its lease had run out, so it may run again"
                );
                break;
            }
            Err(DbError::Unavailable(_)) if entry.jobs().iter().any(|job| context.leases.is_held(*job)) => {
                was_away = true;
                sleep(RETRY_PAUSE).await;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the end of a job was not recorded, so it will run again");
                break;
            }
        }
    }
    for job in entry.jobs() {
        context.leases.remove(*job);
    }
}

/// Returns whether all of the jobs still were held.
async fn write(context: &Context, entry: &Entry) -> Result<bool, DbError> {
    let mut c = context.database.write().await?;
    let now = context.clock.now();
    let Ended { job: (id, lease), outcome } = match entry {
        Entry::Done(jobs) => return Ok(claim::complete(&mut c, jobs, now).await? == jobs.len()),
        Entry::Other(ended) => ended,
    };
    match outcome {
        Outcome::Failed { error, backoff } => {
            let run_at = backoff.map(|backoff| now.plus(with_jitter(backoff)));
            claim::fail(&mut c, *lease, *id, error, run_at, now).await
        }
        Outcome::UnknownKind => claim::release(&mut c, *lease, *id, now.plus(UNKNOWN_KIND_PAUSE)).await,
        _ => claim::release(&mut c, *lease, *id, now).await,
    }
}
