#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod claim;
mod enqueue;
mod handlers;
mod job;
mod leases;
mod maintenance;
mod record;
pub mod records;
mod run;
mod schedule;
mod schema;
mod slots;
mod wakeups;
mod workers;

pub use enqueue::{NewJob, Queue};
pub use handlers::Handlers;
pub use job::{Attempt, Handler, Job, JobError, JobId, JobStatus, Priority};
pub use schedule::{InvalidSchedule, Schedule};
pub use wakeups::Wakeups;
pub use workers::{Workers, WorkersConfig};

/// The columns of the table as this crate reads them, in the form of Diesel's `schema.rs`, for a
/// test that compares them with what the application's migrations create.
pub const SCHEMA: &str = include_str!("schema.rs");

/// The statements that create the table in PostgreSQL, for a migration of the application.
pub const POSTGRES_MIGRATION: &str = include_str!("../migrations/postgres.sql");

/// The statements that create the table in SQLite, for a migration of the application.
pub const SQLITE_MIGRATION: &str = include_str!("../migrations/sqlite.sql");

/// The name, the help text and the bucket bounds of each metric; names have no prefix.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    ("jobs_queued", "Queued jobs, due or not; at most 100,000.", &[]),
    ("jobs_dead", "Jobs that failed for the last time; at most 100,000.", &[]),
    ("jobs_oldest_due_seconds", "Seconds that the job has been due that has waited longest.", &[]),
    (
        "jobs_duration_seconds",
        "Seconds that an attempt at a job took, by kind.",
        &[0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0],
    ),
    (
        "jobs_attempts_total",
        "Attempts at jobs, by kind and by result: done, failed, dead, interrupted or `lease_lost`.",
        &[],
    ),
    (maintenance::TAKEN_OVER, "Jobs whose worker died and that were queued again, or became dead.", &[]),
];
