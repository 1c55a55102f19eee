//! Developer commands, as a library for the tests of the workspace.
#![forbid(unsafe_code)]

pub mod diff;
pub mod lines;
pub mod lint;
mod walk;
