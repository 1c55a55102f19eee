//! Developer commands, as a library for the tests of the workspace.
#![forbid(unsafe_code)]

pub mod app;
pub mod clients;
pub mod diff;
pub mod lines;
pub mod lint;
pub mod remove;
pub mod rename;
mod walk;
