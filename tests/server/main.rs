//! The server under the routes: connections that are slow, silent or too many, where requests end, the ways in,
//! and the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod framing;
mod hosts;
mod load;
mod readiness;
mod stopping;
mod ways_in;
mod wire;
