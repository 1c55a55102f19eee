//! What the service and its data are after the faults of the world: servers killed, stopped, frozen and cut off, disks
//! full, clocks moved, clients and the process itself gone in the middle of a write.

mod balancer;
mod clients;
mod clock;
mod failover;
mod ledger;
mod load;
mod logs;
mod network;
mod postgresql;
mod resources;
mod scene;
mod sqlite;
mod stopping;
