//! The API over a real socket, each test with its own service and database, on SQLite and on PostgreSQL.

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

mod auth;
