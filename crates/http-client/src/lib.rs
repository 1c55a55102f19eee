#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod circuit;
mod client;
mod connect;
mod error;
pub mod leaked_passwords;
mod metrics;
mod retry;
mod tls;

pub use crate::address::{Destinations, is_public};
pub use crate::circuit::{CircuitConfig, CountedFailures};
pub use crate::client::{BodyLimit, Client, Config, Limits, Response};
pub use crate::connect::{Resolution, Resolve, SystemResolver};
pub use crate::error::{BuildError, CallError, Phase};
pub use crate::leaked_passwords::LeakedPasswords;
pub use crate::metrics::METRICS;
pub use crate::retry::{RetryConfig, random_share};
pub use crate::tls::TlsError;
