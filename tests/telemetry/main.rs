//! What the service tells of itself: metrics, traces and the ids on its log lines; and what is made of the metrics in
//! `deploy/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod collector;
mod counts;
mod detector;
mod listener;
mod logs;
mod process;
mod rules;
mod scrape;
mod secrets;
mod traces;
