//! The request and response schemas of the document. Only `api` uses them.

pub mod auth;
pub mod common;
pub mod health;
pub mod users;
mod values;
