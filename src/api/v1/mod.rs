//! Version 1 of the API: one file per resource.

pub mod api_keys;
pub mod audit_events;
pub mod auth;
pub mod health;
pub mod jobs;
pub mod jwks;
pub mod links;
pub mod sessions;
pub mod users;
pub mod webhooks;

use poem_openapi::Tags;

/// Every operation, in the order of the document.
pub type Operations = (
    auth::AuthApi,
    sessions::SessionsApi,
    users::UsersApi,
    links::LinksApi,
    api_keys::ApiKeysApi,
    jobs::JobsApi,
    webhooks::WebhooksApi,
    audit_events::AuditEventsApi,
    health::HealthApi,
    health::ServiceApi,
    jwks::JwksApi,
);

/// The tags of the document. Every operation has exactly one.
#[derive(Tags)]
#[oai(rename_all = "snake_case")]
pub enum Tag {
    /// Registration, login and sessions.
    Auth,
    /// The current user, and all users for those who may see them.
    Users,
    /// Credentials of services that act for a user.
    ApiKeys,
    /// Work after the response, for superusers.
    Jobs,
    /// Where events are sent, for superusers.
    Webhooks,
    /// What was done to users and resources.
    AuditEvents,
    /// What webhooks get.
    Events,
    /// Liveness and readiness.
    Health,
    /// The service itself.
    Service,
}
