//! Developer commands, as a library for the tests of the workspace.
#![forbid(unsafe_code)]

pub mod app;
pub mod clients;
pub mod diff;
pub mod error;
mod keywords;
pub mod lines;
pub mod lint;
pub mod new;
pub mod remove;
pub mod rename;
pub mod samples;
mod tree;
mod walk;
