//! The API over a real socket, each test with its own service and database, on SQLite and on
//! PostgreSQL.

mod api_keys;
mod audit_events;
mod auth;
mod client_data;
mod cors;
mod forged_tokens;
mod http_semantics;
mod input;
mod jobs;
mod leaked_passwords;
mod mail;
pub mod operations;
mod passwords;
mod paths;
pub mod public_keys;
mod rate_limits;
mod request_ids;
mod response_kinds;
mod security_headers;
mod sessions;
mod signing_keys;
mod tokens;
mod users;
mod webhooks;
