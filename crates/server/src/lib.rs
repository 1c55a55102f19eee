#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod activity;
mod body;
pub mod client;
mod connection;
mod limits;
mod listener;
pub mod metrics;
mod server;
mod tls;

pub use body::RequestBody;
pub use connection::ConnectionInfo;
pub use server::{BindError, Config, Server};
pub use tls::{TlsError, TlsFiles};
