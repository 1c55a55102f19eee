//! The client of the Groundwork API.
//!
//! A [`Service`] has the address of the service. [`Service::log_in`] opens a [`Session`], which has
//! every operation and refreshes itself. [`Service::anonymous`] returns a [`Client`] for operations
//! that need no session. Operations are methods by resource:
//! `session.users().list().limit(20).send().await`.
//!
//! A call whose response has a status other than 2xx fails with an [`Error`], which [`Failure`]
//! reads.

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
mod resources;
mod retry;
mod secret;
mod session;
mod webhooks;

pub use error::{Error, Failure};
pub use generated::{Client, ErrorCode, ResponseValue, builder, types};
pub use nullable::Nullable;
pub use resources::*;
pub use retry::Retry;
pub use secret::Secret;
pub use session::{Caller, Service, Session};
pub use webhooks::{WebhookError, verify_webhook};
