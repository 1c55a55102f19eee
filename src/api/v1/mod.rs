//! Version 1 of the API: one file per resource.

pub mod auth;
pub mod health;
pub mod users;

use poem_openapi::Tags;

/// The tags of the document. Every operation has exactly one.
#[derive(Tags)]
pub enum Tag {
    /// Registration, login and sessions.
    #[oai(rename = "auth")]
    Auth,
    /// The current user, and for superusers all users.
    #[oai(rename = "users")]
    Users,
    /// Liveness and readiness.
    #[oai(rename = "health")]
    Health,
    /// The service itself.
    #[oai(rename = "service")]
    Service,
}
