//! Rows, changesets and their queries, one file per table. Nothing above this layer names Diesel.

pub mod audit_events;
pub mod caller_check;
pub mod idempotency_keys;
pub mod one_time_tokens;
pub mod sessions;
pub mod users;
pub mod webhook_deliveries;
pub mod webhooks;
