#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod activity;
mod body;
pub mod client;
mod connection;
mod limits;
mod listener;
mod server;
mod tls;

pub use body::RequestBody;
pub use connection::ConnectionInfo;
pub use limits::METRICS;
pub use server::{BindError, Config, Server};
pub use tls::{TlsError, TlsFiles};
