//! Jobs as operators see them.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, on, prepared};

use crate::claim::IS_QUEUED;
use crate::job::{JobId, JobStatus, Priority};
use crate::schema::jobs;

const IS_RUNNING: &str = "\"jobs\".\"status\" = 'running'";
const IS_DONE: &str = "\"jobs\".\"status\" = 'done'";
const IS_DEAD: &str = "\"jobs\".\"status\" = 'dead'";

/// Beyond this number, jobs are not counted: [`Stats`] are taken often.
pub const MAX_COUNT: i64 = 100_000;

/// A job, without its payload.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct JobRecord {
    /// Its id.
    #[diesel(deserialize_as = i64)]
    pub id: JobId,
    /// The [`Job::KIND`](crate::Job::KIND) of its type.
    pub kind: String,
    /// What has become of it.
    #[diesel(deserialize_as = String)]
    pub status: JobStatus,
    /// How often it was begun.
    pub attempts: i64,
    /// How often it may be begun.
    pub max_attempts: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was or is due.
    pub run_at: Timestamp,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it succeeded, or failed for the last time.
    pub finished_at: Option<Timestamp>,
}

/// Which jobs a list shows; the default shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those in this status.
    pub status: Option<JobStatus>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// From the other end: the oldest first.
    pub oldest_first: bool,
}

/// Up to `limit` jobs, the newest first unless the filter asks for the oldest, from those behind the
/// job `after` in that order.
///
/// # Errors
/// Those of the database.
pub async fn page(
    c: &mut Connection,
    filter: &JobFilter,
    after: Option<JobId>,
    limit: i64,
) -> Result<Vec<JobRecord>, DbError> {
    Ok(on!(c, |c| {
        let mut query = jobs::table.select(JobRecord::as_select()).into_boxed();
        // IDs ascend in the order of creation.
        query = if filter.oldest_first {
            query.filter(jobs::id.gt(after.map_or(i64::MIN, |id| id.0))).order(jobs::id.asc())
        } else {
            query.filter(jobs::id.lt(after.map_or(i64::MAX, |id| id.0))).order(jobs::id.desc())
        };
        query = query.limit(limit);
        // Not as a bind parameter: a plan for any status would not use the partial indexes.
        query = match filter.status {
            Some(JobStatus::Queued) => query.filter(sql::<Bool>(IS_QUEUED)),
            Some(JobStatus::Running) => query.filter(sql::<Bool>(IS_RUNNING)),
            Some(JobStatus::Done) => query.filter(sql::<Bool>(IS_DONE)),
            Some(JobStatus::Dead) => query.filter(sql::<Bool>(IS_DEAD)),
            None => query,
        };
        if let Some(kind) = &filter.kind {
            query = query.filter(jobs::kind.eq(kind));
        }
        prepared(query).load(c)
    })?)
}

/// The job with this id.
///
/// # Errors
/// Those of the database.
pub async fn find(c: &mut Connection, id: JobId) -> Result<Option<JobRecord>, DbError> {
    let job = jobs::table.find(id.0);
    Ok(on!(c, |c| prepared(job.select(JobRecord::as_select())).get_result(c)).optional()?)
}

/// The unique index of jobs with the same dedupe key.
pub const DEDUPE_KEY: &str = "jobs_kind_dedupe_key_key";

/// What comes of an attempt to queue a dead job again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It is queued, with all its attempts.
    Queued(JobRecord),
    /// There is no dead job with this id.
    NotDead,
    /// Its payload has been deleted, see [`forget_dead`].
    Forgotten,
}

/// Queues a dead job again, with all its attempts.
///
/// # Errors
/// [`DbError::Unique`] if another job with its dedupe key is queued or running.
pub async fn retry(c: &mut Connection, id: JobId, now: Timestamp) -> Result<Retry, DbError> {
    let dead = || jobs::table.find(id.0).filter(sql::<Bool>(IS_DEAD));
    let update = diesel::update(dead().filter(jobs::payload.ne(""))).set((
        jobs::status.eq(JobStatus::Queued.as_str()),
        jobs::attempts.eq(0_i64),
        jobs::run_at.eq(now),
        jobs::finished_at.eq(None::<Timestamp>),
    ));
    let queued =
        on!(c, |c| prepared(update.returning(JobRecord::as_returning())).get_result(c)).optional()?;
    if let Some(job) = queued {
        return Ok(Retry::Queued(job));
    }
    let forgotten = diesel::select(diesel::dsl::exists(dead()));
    let is_forgotten: bool = on!(c, |c| prepared(forgotten).get_result(c))?;
    Ok(if is_forgotten { Retry::Forgotten } else { Retry::NotDead })
}

/// Deletes the payloads of jobs that are dead since before `before`, up to `limit`, and returns how
/// many: they may hold personal data. The jobs stay, but they cannot be retried.
///
/// # Errors
/// Those of the database.
pub async fn forget_dead(c: &mut Connection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let dead = diesel::alias!(jobs as dead);
    let ids = dead
        .filter(sql::<Bool>("\"dead\".\"status\" = 'dead'"))
        .filter(dead.field(jobs::payload).ne(""))
        .filter(dead.field(jobs::finished_at).lt(before))
        .order(dead.field(jobs::id).asc())
        .limit(limit)
        .select(dead.field(jobs::id));
    // Its status again: a job that is retried meanwhile needs its payload.
    let forgotten = jobs::table.filter(jobs::id.eq_any(ids)).filter(sql::<Bool>(IS_DEAD));
    Ok(on!(c, |c| diesel::update(forgotten).set(jobs::payload.eq("")).execute(c))?)
}

/// Deletes a job that is not running. Returns whether there was one.
///
/// # Errors
/// Those of the database.
pub async fn delete(c: &mut Connection, id: JobId) -> Result<bool, DbError> {
    let waiting = jobs::table.find(id.0).filter(jobs::status.ne(JobStatus::Running.as_str()));
    Ok(on!(c, |c| prepared(diesel::delete(waiting)).execute(c))? == 1)
}

/// Deletes jobs that succeeded before `before`: those among the `limit` oldest. Returns how many;
/// if it was `limit`, there may be more. Keep them for a day at least, because a periodic job is
/// recognized by its row.
///
/// # Errors
/// Those of the database.
pub async fn delete_done(c: &mut Connection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    // The oldest by id are found without an index on the time, which every job would have to pay.
    let oldest = diesel::alias!(jobs as oldest);
    let ids = oldest
        .filter(sql::<Bool>("\"oldest\".\"status\" = 'done'"))
        .order(oldest.field(jobs::id).asc())
        .limit(limit)
        .select(oldest.field(jobs::id));
    let done = jobs::table.filter(jobs::id.eq_any(ids)).filter(jobs::finished_at.lt(before));
    Ok(on!(c, |c| diesel::delete(done).execute(c))?)
}

/// The state of the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Queued jobs, due or not; at most [`MAX_COUNT`].
    pub queued: i64,
    /// Dead jobs; at most [`MAX_COUNT`].
    pub dead: i64,
    /// How long the job has been due that has waited longest; zero if none is due.
    pub oldest_due: Duration,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Reads the state of the queue.
///
/// # Errors
/// Those of the database.
pub async fn stats(c: &mut Connection, now: Timestamp) -> Result<Stats, DbError> {
    // In the order of its index. Without one, PostgreSQL may read the whole table, finished jobs
    // included.
    let count = |status: &str, order: &str| {
        format!(
            "SELECT COUNT(*) AS count FROM (SELECT 1 FROM jobs WHERE status = '{status}' ORDER BY {order} \
             LIMIT {MAX_COUNT}) AS counted"
        )
    };
    let queued = count("queued", "priority, run_at, id");
    let queued: Count = on!(c, |c| diesel::sql_query(queued).get_result(c))?;
    let dead: Count = on!(c, |c| diesel::sql_query(count("dead", "id")).get_result(c))?;
    let oldest_due = oldest_due(c, now).await?;
    Ok(Stats { queued: queued.count, dead: dead.count, oldest_due })
}

/// How long the job has been due that has waited longest; zero if none is due.
///
/// # Errors
/// Those of the database.
pub async fn oldest_due(c: &mut Connection, now: Timestamp) -> Result<Duration, DbError> {
    let mut oldest = now;
    for priority in Priority::ALL {
        let of_priority = jobs::table
            .filter(sql::<Bool>(IS_QUEUED))
            .filter(jobs::priority.eq(priority.number()))
            .filter(jobs::run_at.le(now));
        let first = of_priority.select(jobs::run_at).order(jobs::run_at.asc()).limit(1);
        let first = on!(c, |c| prepared(first).get_result::<Timestamp>(c)).optional()?;
        oldest = first.map_or(oldest, |first| oldest.min(first));
    }
    Ok(now.since(oldest))
}
