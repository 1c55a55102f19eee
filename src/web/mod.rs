//! The poem layer of an API.

pub mod error;
pub mod extract;
pub mod failure;
pub mod hyper_service;
pub mod load_shedder;
pub mod metrics_server;
pub mod middleware;
mod pending_bodies;
pub mod request;
pub mod responses;
pub mod routes;
#[macro_use]
pub mod schema;
pub mod security;
pub mod validation;
