//! The request and response types of the document. Only the API knows them.

pub mod auth;
pub mod common;
pub mod health;
pub mod users;
mod values;
