//! The statements of workers: each changes only jobs whose lease the worker holds.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, is_any_locked, on, prepared, skip_locked};

use crate::job::{JobId, JobStatus, Priority};
use crate::schema::jobs;

// Not as bind parameters: a plan for any status would not use the partial indexes.
pub(crate) const IS_QUEUED: &str = "\"jobs\".\"status\" = 'queued'";
const IS_RUNNING: &str = "\"jobs\".\"status\" = 'running'";

/// What tells one claim from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeaseToken([u8; 16]);

impl LeaseToken {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub(crate) struct ClaimedJob {
    pub id: i64,
    pub kind: String,
    pub payload: String,
    pub priority: i64,
    pub attempts: i64,
    pub max_attempts: i64,
    pub run_at: Timestamp,
    pub traceparent: Option<String>,
}

impl ClaimedJob {
    pub(crate) fn id(&self) -> JobId {
        JobId(self.id)
    }
}

/// How many jobs a claim takes at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub all: i64,
    /// How many of them may have the lowest priority.
    pub low_priority: i64,
}

/// Claims due jobs, which no other worker gets before `expires`.
pub(crate) async fn claim(
    c: &mut Connection,
    lease: LeaseToken,
    limits: Limits,
    now: Timestamp,
    expires: Timestamp,
) -> Result<Vec<ClaimedJob>, DbError> {
    // One range of the index per priority: in one range, jobs that are not yet due would stand
    // between those that are.
    let due = Priority::ALL.map(|priority| {
        let of_priority = jobs::table
            .filter(sql::<Bool>(IS_QUEUED))
            .filter(jobs::priority.eq(priority.number()))
            .filter(jobs::run_at.le(now));
        let limit = match priority {
            Priority::Low => limits.low_priority.min(limits.all),
            Priority::Normal | Priority::High => limits.all,
        };
        skip_locked(of_priority.select(jobs::id).order((jobs::run_at.asc(), jobs::id.asc())).limit(limit))
    });
    let update = diesel::update(jobs::table.filter(is_any_locked(jobs::id, due.into(), limits.all))).set((
        jobs::status.eq(JobStatus::Running.as_str()),
        jobs::lease.eq(lease.0.to_vec()),
        jobs::lease_expires_at.eq(expires),
        jobs::attempts.eq(jobs::attempts + 1_i64),
    ));
    let mut claimed: Vec<ClaimedJob> =
        on!(c, |c| prepared(update.returning(ClaimedJob::as_returning())).get_results(c))?;
    // RETURNING has no order.
    claimed.sort_by_key(|job| (job.priority, job.run_at, job.id));
    Ok(claimed)
}

/// Extends the leases of these jobs. Returns those that still are held, with their leases.
pub(crate) async fn renew(
    c: &mut Connection,
    held: &[(i64, LeaseToken)],
    expires: Timestamp,
) -> Result<Vec<(i64, LeaseToken)>, DbError> {
    let (ids, leases) = unzip(held);
    let held = jobs::table.filter(jobs::id.eq_any(ids)).filter(jobs::lease.eq_any(leases));
    let update = diesel::update(held).set(jobs::lease_expires_at.eq(expires));
    let renewed: Vec<(i64, Option<Vec<u8>>)> =
        on!(c, |c| update.returning((jobs::id, jobs::lease)).get_results(c))?;
    let lease = |bytes: Option<Vec<u8>>| Some(LeaseToken(bytes?.try_into().ok()?));
    Ok(renewed.into_iter().filter_map(|(id, bytes)| Some((id, lease(bytes)?))).collect())
}

/// Records that these jobs have succeeded. Returns how many still were held.
pub(crate) async fn complete(
    c: &mut Connection,
    succeeded: &[(i64, LeaseToken)],
    now: Timestamp,
) -> Result<usize, DbError> {
    let (ids, leases) = unzip(succeeded);
    let held = jobs::table.filter(jobs::id.eq_any(ids)).filter(jobs::lease.eq_any(leases));
    let update = diesel::update(held).set((
        jobs::status.eq(JobStatus::Done.as_str()),
        // It may hold personal data, and a job that is done never needs it again.
        jobs::payload.eq(""),
        jobs::finished_at.eq(now),
        jobs::lease.eq(None::<Vec<u8>>),
        jobs::lease_expires_at.eq(None::<Timestamp>),
    ));
    Ok(on!(c, |c| update.execute(c))?)
}

/// The ids, and the leases without repetition. A job that this worker claimed again under another
/// of the leases is found, too: then the worker does hold it.
fn unzip(held: &[(i64, LeaseToken)]) -> (Vec<i64>, Vec<Vec<u8>>) {
    let mut leases: Vec<_> = held.iter().map(|(_, lease)| lease.0.to_vec()).collect();
    leases.sort_unstable();
    leases.dedup();
    (held.iter().map(|(id, _)| *id).collect(), leases)
}

/// Records a failed attempt: the job is queued again for `run_at`, or dead if there is none.
/// Returns whether it still was held.
pub(crate) async fn fail(
    c: &mut Connection,
    lease: LeaseToken,
    id: i64,
    error: &str,
    run_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, DbError> {
    let held = jobs::table.find(id).filter(jobs::lease.eq(lease.0.to_vec()));
    let status = if run_at.is_some() { JobStatus::Queued } else { JobStatus::Dead };
    let update = diesel::update(held).set((
        jobs::status.eq(status.as_str()),
        run_at.map(|at| jobs::run_at.eq(at)),
        jobs::finished_at.eq(if run_at.is_some() { None } else { Some(now) }),
        jobs::last_error.eq(error),
        jobs::lease.eq(None::<Vec<u8>>),
        jobs::lease_expires_at.eq(None::<Timestamp>),
    ));
    Ok(on!(c, |c| prepared(update).execute(c))? == 1)
}

/// Gives a job back that was not run to its end through no fault of its own, without counting the
/// attempt. Returns whether it still was held.
pub(crate) async fn release(
    c: &mut Connection,
    lease: LeaseToken,
    id: i64,
    run_at: Timestamp,
) -> Result<bool, DbError> {
    let held = jobs::table.find(id).filter(jobs::lease.eq(lease.0.to_vec()));
    let update = diesel::update(held).set((
        jobs::status.eq(JobStatus::Queued.as_str()),
        jobs::run_at.eq(run_at),
        jobs::attempts.eq(jobs::attempts - 1_i64),
        jobs::lease.eq(None::<Vec<u8>>),
        jobs::lease_expires_at.eq(None::<Timestamp>),
    ));
    Ok(on!(c, |c| prepared(update).execute(c))? == 1)
}

/// How many jobs were found whose workers had died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TakenOver {
    pub queued: usize,
    pub dead: usize,
}

/// The last error of a job whose worker died in its last attempt.
const WORKER_DIED: &str = "the worker died, or lost the database for longer than its lease";

/// Whether a lease has run out. On SQLite a write waits for all others, and this does not.
pub(crate) async fn has_expired_lease(c: &mut Connection, now: Timestamp) -> Result<bool, DbError> {
    let expired = jobs::table.filter(sql::<Bool>(IS_RUNNING)).filter(jobs::lease_expires_at.le(now));
    Ok(on!(c, |c| prepared(diesel::select(diesel::dsl::exists(expired))).get_result(c))?)
}

/// Queues the jobs again whose lease has run out. The attempt counts, and the last one makes the
/// job dead: a job that kills its worker must not kill all of them, one after another.
pub(crate) async fn take_over(c: &mut Connection, now: Timestamp) -> Result<TakenOver, DbError> {
    let expired = || jobs::table.filter(sql::<Bool>(IS_RUNNING)).filter(jobs::lease_expires_at.le(now));
    let no_lease = (jobs::lease.eq(None::<Vec<u8>>), jobs::lease_expires_at.eq(None::<Timestamp>));
    let died = diesel::update(expired().filter(jobs::attempts.ge(jobs::max_attempts))).set((
        jobs::status.eq(JobStatus::Dead.as_str()),
        jobs::finished_at.eq(now),
        jobs::last_error.eq(WORKER_DIED),
        no_lease.clone(),
    ));
    let dead = on!(c, |c| prepared(died).execute(c))?;
    let again = diesel::update(expired()).set((jobs::status.eq(JobStatus::Queued.as_str()), no_lease));
    let queued = on!(c, |c| prepared(again).execute(c))?;
    Ok(TakenOver { queued, dead })
}

/// The pause before the next attempt, between a half and all of `backoff`, so that jobs that failed
/// together are not tried together.
pub(crate) fn with_jitter(backoff: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or_default();
    backoff.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}
