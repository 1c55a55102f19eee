//! Faults of the environment: servers are killed, stopped, frozen and cut off, disks are full,
//! clocks move, clients disconnect and the process is killed during writes.

mod balancer;
mod clients;
mod clock;
mod failover;
mod idempotency;
mod job_ledger;
mod jobs;
mod ledger;
mod load;
mod logs;
mod network;
mod postgresql;
mod resources;
mod scene;
mod sqlite;
mod stopping;
