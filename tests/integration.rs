//! Every test of the app that can share a process with others: all but `memory`, which measures its
//! own process, and `contract`, which counts what these tests observed.
//!
//! `cargo test --test integration -- api::` runs one module.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[macro_use]
mod support;

mod api;
mod cli;
mod clients;
mod compatibility;
mod cost;
mod database;
mod deploy;
mod document;
mod documentation;
mod faults;
mod files;
mod fuzz;
mod layers;
mod mail;
mod modules;
mod operations;
mod readme;
mod server;
mod servers;
mod settings;
mod state;
mod telemetry;
mod verifiers;
