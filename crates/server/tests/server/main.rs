//! The server with a small hyper service, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod connections;
mod shutdown;
mod support;
mod tls;
