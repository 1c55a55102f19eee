//! The database layer: schema, migrations, units of work and pools, on SQLite and on PostgreSQL.

mod altered;
mod columns;
mod lists;
mod migrations;
mod plans;
mod pool;
mod readers;
mod retention;
mod round_trips;
mod schema;
mod server_errors;
mod sqlite;
mod units;
