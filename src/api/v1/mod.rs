//! Version 1 of the API: one file per resource.

pub mod api_keys;
pub mod auth;
pub mod health;
pub mod jobs;
pub mod links;
pub mod users;
pub mod webhooks;

use poem_openapi::Tags;

/// Every operation, in the order of the document.
pub type Operations = (
    auth::AuthApi,
    users::UsersApi,
    links::LinksApi,
    api_keys::ApiKeysApi,
    jobs::JobsApi,
    webhooks::WebhooksApi,
    health::HealthApi,
    health::ServiceApi,
);

/// The tags of the document. Every operation has exactly one.
#[derive(Tags)]
#[oai(rename_all = "snake_case")]
pub enum Tag {
    /// Registration, login and sessions.
    Auth,
    /// The current user, and for superusers all users.
    Users,
    /// Credentials of services that act for a user.
    ApiKeys,
    /// Work after the response, for superusers.
    Jobs,
    /// Where events are sent, for superusers.
    Webhooks,
    /// What webhooks get.
    Events,
    /// Liveness and readiness.
    Health,
    /// The service itself.
    Service,
}
