//! Business rules. Each method is one unit of work: it happens as a whole or not at all, and no connection is
//! held while a password is hashed.

pub mod auth;
mod error;
pub mod health;
pub mod store;
pub mod users;

pub use error::Error;
