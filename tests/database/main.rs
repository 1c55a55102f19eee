//! The database layer: schema, migrations, units of work and pools, on SQLite and on PostgreSQL.

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

mod migrations;
mod pool;
mod round_trips;
mod schema;
mod sqlite;
mod units;
