//! Rate limits and the cache in process, in Redis, behind Sentinel and in a Redis Cluster, and how
//! the service behaves when Redis fails.

mod cache;
mod cluster;
mod faults;
mod instances;
mod login_limits;
mod process;
mod rate_limit;
mod refused_keys;
mod round_trips;
mod sentinel;
mod stores;
mod watched;
mod ways;
