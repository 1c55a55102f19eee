//! The API over a real socket, each test with its own service and database, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

mod auth;
mod input;
mod middleware;
mod operations;
mod passwords;
mod rate_limits;
mod tokens;
mod users;
