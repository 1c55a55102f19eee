//! The database layer: schema, migrations, units of work and pools, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

mod altered;
mod lists;
mod migrations;
mod plans;
mod pool;
mod readers;
mod round_trips;
mod schema;
mod server_errors;
mod sqlite;
mod units;
