//! Version 1: one file a resource.

pub mod auth;
pub mod health;
pub mod users;

use poem_openapi::Tags;

/// The chapters of the document; every operation is in exactly one.
#[derive(Tags)]
pub enum Tag {
    /// Registration, log-in and the life of a session.
    #[oai(rename = "auth")]
    Auth,
    /// Accounts: the own one, and all of them for superusers.
    #[oai(rename = "users")]
    Users,
    /// Whether the service lives and can serve.
    #[oai(rename = "health")]
    Health,
    /// The service itself.
    #[oai(rename = "service")]
    Service,
}
