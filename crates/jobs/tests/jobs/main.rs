//! Jobs on both databases. Those on PostgreSQL need the server that `TEST_POSTGRES_URL` names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod failures;
mod faults;
mod leases;
mod operators;
mod periodic;
mod plans;
mod queue;
mod support;
mod wakeups;
mod workers;
