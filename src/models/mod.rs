//! Rows, changesets and their queries, one file per table. Nothing above this layer names Diesel.

pub mod api_keys;
pub mod audit_events;
pub mod caller_check;
pub mod idempotency_keys;
pub mod one_time_tokens;
mod roles;
pub mod sessions;
pub mod user_networks;
pub mod users;
pub mod webhook_deliveries;
pub mod webhooks;
