//! What needs a PostgreSQL that is encrypted, copied, stopped or frozen: each test starts servers of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[macro_use]
mod support;

mod copied;
mod failover;
mod pooler;
mod replicas;
mod rights;
mod tls;
