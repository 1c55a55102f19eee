//! Claims jobs and runs them.

use std::sync::Arc;
use std::time::Duration;

use groundwork_clock::Clock;
use groundwork_database::{Database, DbError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::claim::{self, ClaimedJob, LeaseToken, Limits};
use crate::handlers::Handlers;
use crate::leases::Leases;
use crate::maintenance::{self, TAKEN_OVER};
use crate::record::record_all;
use crate::run::{Ended, run};
use crate::slots::{MayBeMore, Slot, Slots};
use crate::wakeups::Wakeups;

/// The longest pause after claims that failed.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How long the last claim may take when the workers are to stop, and recording the last ends.
const LAST_STATEMENTS: Duration = Duration::from_secs(2);

/// How jobs are run.
#[derive(Clone, Copy, Debug)]
pub struct WorkersConfig {
    /// How many jobs run at once. With 0 none does, and periodic jobs are enqueued for other
    /// workers. Jobs of [low priority](crate::Priority::Low) are at most half of them, or one if
    /// that is all.
    pub concurrency: usize,
    /// How long an attempt may take whose type of job says nothing else.
    pub timeout: Duration,
    /// How often a worker looks for jobs that no wake-up has announced, and for due periodic jobs.
    pub poll_interval: Duration,
    /// How long after its worker died a job is taken over. It is renewed while a job runs, three
    /// times as often. The clocks of all instances must agree to a third of it.
    pub lease: Duration,
    /// How long running jobs may go on when the workers are to stop. Those that remain are
    /// interrupted and queued again, which takes up to 2 seconds more.
    pub drain: Duration,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self {
            concurrency: 2,
            timeout: Duration::from_mins(1),
            poll_interval: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

/// The workers of a process.
pub struct Workers {
    context: Arc<Context>,
}

/// What all tasks of the workers share.
pub(crate) struct Context {
    pub database: Database,
    pub clock: Clock,
    pub handlers: Arc<Handlers>,
    pub wakeups: Wakeups,
    pub config: WorkersConfig,
    pub leases: Leases,
}

impl Workers {
    /// Workers that run jobs by `handlers`, and are woken by `wakeups`.
    pub fn new(
        database: Database,
        clock: Clock,
        handlers: Handlers,
        wakeups: Wakeups,
        config: WorkersConfig,
    ) -> Self {
        let handlers = Arc::new(handlers);
        let leases = Leases::default();
        Self { context: Arc::new(Context { database, clock, handlers, wakeups, config, leases }) }
    }

    /// Runs jobs until `stop`, and then until the running ones have ended, or their time is over.
    /// When this is dropped, running jobs are dropped too, and run again when their leases run out.
    pub async fn run(self, stop: CancellationToken) {
        let context = self.context;
        // A counter that appears with its first event shows no increase.
        metrics::counter!(TAKEN_OVER).increment(0);
        let (sender, receiver) = mpsc::unbounded_channel();
        // Dropped last, so that what is dropped half-way is not recorded half-way, either.
        let mut running = JoinSet::new();
        let mut background = JoinSet::new();
        background.spawn(maintenance::renew_leases(Arc::clone(&context)));
        background.spawn(maintenance::take_over_jobs(Arc::clone(&context)));
        background.spawn(maintenance::watch_queue(Arc::clone(&context), stop.clone()));
        background.spawn(context.wakeups.clone().forward());
        let mut recorder = JoinSet::new();
        recorder.spawn(record_all(Arc::clone(&context), receiver));

        claim_until(&stop, &context, &sender, &mut running).await;
        drop(sender);
        let all_ended = async { while running.join_next().await.is_some() {} };
        if timeout(context.config.drain, all_ended).await.is_err() {
            tracing::warn!(jobs = running.len(), "jobs are interrupted and queued again");
            running.shutdown().await;
        }
        if timeout(LAST_STATEMENTS, recorder.join_next()).await.is_err() {
            tracing::warn!(
                "the ends of the last jobs were not recorded: they run again when their leases run out"
            );
        }
    }
}

async fn claim_until(
    stop: &CancellationToken,
    context: &Arc<Context>,
    ended: &mpsc::UnboundedSender<Ended>,
    running: &mut JoinSet<()>,
) {
    let slots = Slots::new(context.config.concurrency);
    let mut wakeups = context.wakeups.receive();
    let mut failures = 0;
    loop {
        let Some(Some(mut free)) = stop.run_until_cancelled(slots.free()).await else { return };
        while running.try_join_next().is_some() {}
        wakeups.mark_unchanged();
        // A claim that is dropped half-way may have claimed.
        let too_late = async {
            stop.cancelled().await;
            sleep(LAST_STATEMENTS).await;
        };
        let claimed = tokio::select! {
            biased;
            claimed = claim_jobs(context, free.limits()) => claimed,
            () = too_late => return,
        };
        let may_be_more = match claimed {
            Ok(jobs) => {
                failures = 0;
                for job in jobs.claimed {
                    if let Some(slot) = free.take(job.priority) {
                        start(context, job, jobs.lease, jobs.deadline, slot, ended, running);
                    }
                }
                free.left_by_claim()
            }
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "no jobs can be claimed");
                }
                MayBeMore::No
            }
        };
        drop(free);
        let next = async {
            match may_be_more {
                MayBeMore::Yes => {}
                MayBeMore::OfLowPriority => {
                    tokio::select! {
                        () = wait(&mut wakeups, context, failures) => {}
                        () = slots.low_priority_freed() => {}
                    }
                }
                MayBeMore::No => wait(&mut wakeups, context, failures).await,
            }
        };
        if stop.run_until_cancelled(next).await.is_none() {
            return;
        }
    }
}

/// Waits until there may be jobs.
async fn wait(wakeups: &mut watch::Receiver<()>, context: &Context, failures: u32) {
    let poll_interval = context.config.poll_interval;
    if failures > 0 {
        // A refused claim closes connections of a database that takes no writes, so each is dear.
        let pause = poll_interval.saturating_mul(2_u32.saturating_pow(failures - 1));
        return sleep(pause.min(MAX_PAUSE.max(poll_interval))).await;
    }
    let poll = sleep(poll_interval);
    tokio::select! {
        () = poll => {}
        // The sender lives in the context.
        _ = wakeups.changed() => {}
    }
}

struct Claim {
    claimed: Vec<ClaimedJob>,
    lease: LeaseToken,
    deadline: Instant,
}

async fn claim_jobs(context: &Context, limits: Limits) -> Result<Claim, ClaimError> {
    let lease = LeaseToken::random()?;
    let mut c = context.database.write().await?;
    // Taken before the statement, so that the worker gives up before others may take over.
    let (now, deadline) = (context.clock.now(), Instant::now() + context.config.lease);
    let claimed = claim::claim(&mut c, lease, limits, now, now.plus(context.config.lease)).await?;
    Ok(Claim { claimed, lease, deadline })
}

#[derive(Debug, thiserror::Error)]
enum ClaimError {
    #[error("the operating system has no random bytes")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Database(#[from] DbError),
}

fn start(
    context: &Arc<Context>,
    job: ClaimedJob,
    lease: LeaseToken,
    deadline: Instant,
    slot: Slot,
    ended: &mpsc::UnboundedSender<Ended>,
    running: &mut JoinSet<()>,
) {
    let deadline = context.leases.add(job.id, lease, deadline);
    let (handlers, ended) = (Arc::clone(&context.handlers), ended.clone());
    let attempt = run(job, lease, deadline, handlers, context.config.timeout, ended);
    running.spawn(async move {
        attempt.await;
        drop(slot);
    });
}
