//! Groundwork: a code-first, OpenAPI-driven REST API service.
//!
//! Imports run one way: `api → services → models → domain`.

#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "not a published library: only the binary and the tests use it")]

pub mod api;
pub mod app;
pub mod db;
pub mod domain;
pub mod jobs;
pub mod mail;
pub mod models;
pub mod schemas;
pub mod services;
pub mod settings;
pub mod telemetry;
