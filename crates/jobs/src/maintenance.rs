//! What workers do beside running jobs.

use std::sync::Arc;
use std::time::Duration;

use groundwork_database::{DbError, Unavailable};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::claim::{self, TakenOver};
use crate::enqueue::Queue;
use crate::records;
use crate::workers::Context;

pub(crate) const TAKEN_OVER: &str = "jobs_taken_over_total";

/// How often the gauges are set.
const STATS_INTERVAL: Duration = Duration::from_secs(15);

/// How far back the first instance that starts looks for times of periodic jobs at which none ran.
const CATCH_UP: Duration = Duration::from_mins(10);

/// Renews the leases of all running jobs. Never ends, and does nothing else, so that nothing delays
/// it.
pub(crate) async fn renew_leases(context: Arc<Context>) {
    let pause = context.config.lease / 3;
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let no_answer = |_| Err(DbError::Unavailable(Unavailable::NoAnswer));
        let renewed = timeout(pause, renew(&context)).await.unwrap_or_else(no_answer);
        report("the leases of running jobs were not renewed", renewed);
    }
}

/// Takes jobs over whose workers have died. Never ends.
pub(crate) async fn take_over_jobs(context: Arc<Context>) {
    let mut ticks = interval(context.config.lease / 3);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        report("jobs of workers that died were not looked for", take_over(&context).await);
    }
}

async fn renew(context: &Context) -> Result<(), DbError> {
    let held = context.leases.all();
    if held.is_empty() {
        return Ok(());
    }
    let mut c = context.database.write().await?;
    let (now, deadline) = (context.clock.now(), Instant::now() + context.config.lease);
    let renewed = claim::renew(&mut c, &held, now.plus(context.config.lease)).await?;
    for job in held {
        if renewed.contains(&job) {
            context.leases.extend(job, deadline);
        } else {
            context.leases.remove(job);
        }
    }
    Ok(())
}

async fn take_over(context: &Context) -> Result<(), DbError> {
    let now = context.clock.now();
    if !claim::has_expired_lease(&mut context.database.read(), now).await? {
        return Ok(());
    }
    let TakenOver { queued, dead } =
        context.database.transaction(async |tx| claim::take_over(tx, now).await).await?;
    tracing::warn!(queued, dead, "jobs were taken over from workers that died");
    metrics::counter!(TAKEN_OVER).increment((queued + dead) as u64);
    context.wakeups.send();
    Ok(())
}

/// Enqueues periodic jobs and sets the gauges, until `stop`.
pub(crate) async fn watch_queue(context: Arc<Context>, stop: CancellationToken) {
    let mut due: Vec<_> = {
        let start = context.clock.now().minus(CATCH_UP);
        context.handlers.periodic.iter().map(|periodic| periodic.schedule().next(start)).collect()
    };
    let mut observed: Option<Instant> = None;
    loop {
        let now = context.clock.now();
        for (periodic, due) in context.handlers.periodic.iter().zip(&mut due) {
            if due.is_none_or(|due| due > now) {
                continue;
            }
            // If several times have passed, one job makes up for all of them.
            let Some(period) = periodic.schedule().last(now) else { continue };
            let queue = Queue::new(context.wakeups.clone());
            let enqueued = async {
                let mut c = context.database.write().await?;
                periodic.enqueue(&queue, &mut c, period, now).await
            };
            let enqueued = enqueued.await;
            if enqueued.is_ok() {
                *due = periodic.schedule().next(now);
            }
            report("a periodic job was not enqueued", enqueued.map(drop));
        }
        if observed.is_none_or(|at| at.elapsed() >= STATS_INTERVAL) {
            observed = Some(Instant::now());
            report("the queue was not measured", observe(&context).await);
        }
        if stop.run_until_cancelled(sleep(context.config.poll_interval)).await.is_none() {
            return;
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts are below 2^52")]
async fn observe(context: &Context) -> Result<(), DbError> {
    let stats = records::stats(&mut context.database.read(), context.clock.now()).await?;
    metrics::gauge!("jobs_queued").set(stats.queued as f64);
    metrics::gauge!("jobs_dead").set(stats.dead as f64);
    metrics::gauge!("jobs_oldest_due_seconds").set(stats.oldest_due);
    Ok(())
}

fn report(what: &str, result: Result<(), DbError>) {
    if let Err(error) = result {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, what, "the workers could not do all of their work; they try again");
    }
}
