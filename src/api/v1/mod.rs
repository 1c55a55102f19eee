//! Version 1 of the API: one file per resource.

pub mod auth;
pub mod health;
pub mod users;

use auth::AuthApi;
use health::{HealthApi, ServiceApi};
use poem_openapi::Tags;
use users::UsersApi;

/// Every operation, in the order of the document.
pub type Operations = (AuthApi, UsersApi, HealthApi, ServiceApi);

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
