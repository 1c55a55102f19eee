//! The API over a real socket, each test with its own service and database, on SQLite and on PostgreSQL.

mod auth;
mod input;
mod middleware;
mod operations;
mod passwords;
mod rate_limits;
mod tokens;
mod users;
