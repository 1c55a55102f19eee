//! The client of the Groundwork API.
//!
//! A [`Service`] says where the service is. [`Service::log_in`] opens a [`Session`], which has every operation and
//! refreshes itself; [`Service::anonymous`] gives a [`Client`] for operations that need no session. Operations are
//! methods named by their operation ids: `session.users_list().limit(20).send().await`.
//!
//! A call that is not answered with 2xx fails with an [`Error`]; [`Failure`] reads it.

mod error;
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    missing_docs,
    unused_imports,
    reason = "generated code"
)]
#[rustfmt::skip]
mod generated;
mod nullable;
mod pages;
mod retry;
mod secret;
mod session;

pub use error::{Error, Failure};
pub use generated::{Client, ErrorCode, ResponseValue, builder, types};
pub use nullable::Nullable;
pub use retry::Retry;
pub use secret::Secret;
pub use session::{Caller, Service, Session};
