//! PostgreSQL with TLS, replicas and failovers: each test starts servers of its own.

mod copied;
mod failover;
mod pooler;
mod replicas;
mod rights;
mod tls;
