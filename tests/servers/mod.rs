//! What needs a PostgreSQL that is encrypted, copied, stopped or frozen: each test starts servers of its own.

mod copied;
mod failover;
mod pooler;
mod replicas;
mod rights;
mod tls;
