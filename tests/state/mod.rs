//! What instances share: rate limits and the cache, in Redis, in a Redis that Sentinels watch, in a Redis Cluster and in process, and what becomes of them
//! when Redis goes away.

mod accounts;
mod cache;
mod cluster;
mod faults;
mod instances;
mod process;
mod rate_limit;
mod refused_keys;
mod round_trips;
mod sentinel;
mod stores;
mod watched;
mod ways;
