//! Every operation of the document in one table, and rules that hold for all of them.

mod api_keys;
mod audit;
mod browsers;
mod contract;
mod document;
mod guards;
mod links;
mod lost_rights;
mod methods;
mod samples;
mod statuses;

pub use api_keys::scopes;
use links::{send_link, token_of};
use serde_json::{Value, json};

use crate::api::webhooks::{WEBHOOK, new_webhook, test_delivery};
use crate::support::client::{PASSWORD, TestUser, fresh_email};
use crate::support::{Call, Service};

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Anybody,
    User,
    /// A user with this role, or a superuser.
    Support,
    Superuser,
}

impl Caller {
    /// Whether users without a role are refused.
    pub fn needs_role(self) -> bool {
        matches!(self, Self::Support | Self::Superuser)
    }
}

/// An operation of the document.
pub struct Operation {
    pub id: &'static str,
    pub method: &'static str,
    pub template: &'static str,
    pub who: Caller,
    pub success: u16,
    /// Makes a valid body for a call by or on this user, if the operation takes one: nothing but a
    /// guard refuses it.
    pub body: Option<fn(&TestUser) -> Value>,
    /// The scope that an API key needs; without one, none is accepted.
    pub scope: Option<&'static str>,
    /// Why it leaves no audit event although it writes.
    pub unaudited: Option<&'static str>,
    /// What `{id}` in the template names.
    fixture: Fixture,
}

/// What the `{id}` of an operation names.
#[derive(Clone, Copy)]
pub enum Fixture {
    User,
    /// A dead job.
    Job,
    /// Another session of the user.
    Session,
    /// A delivery of a webhook, `{delivery_id}`, and the webhook.
    Delivery,
    /// A resource that its owner creates by a POST of this body to this path.
    Owned {
        path: &'static str,
        body: fn(&TestUser) -> Value,
    },
    /// A user to whom a link with this purpose was sent, with the token [`token_of`].
    Link(&'static str),
}

/// A user and the ID of a thing of that user, or of the user itself.
#[derive(Clone, Debug)]
pub struct Target {
    pub user: TestUser,
    pub id: i64,
    /// Of the thing within that thing, if there is one.
    pub inner_id: i64,
    /// The ID as text, if it is no number.
    pub text_id: Option<String>,
}

impl Target {
    /// The user itself.
    pub fn of(user: &TestUser) -> Self {
        Self { user: user.clone(), id: user.id, inner_id: 1, text_id: None }
    }
}

const fn operation(
    id: &'static str,
    method: &'static str,
    template: &'static str,
    who: Caller,
    success: u16,
    body: Option<fn(&TestUser) -> Value>,
) -> Operation {
    Operation {
        id,
        method,
        template,
        who,
        success,
        body,
        scope: None,
        unaudited: None,
        fixture: Fixture::User,
    }
}

impl Operation {
    /// States the scope that an API key needs.
    pub const fn scope(self, scope: &'static str) -> Self {
        Self { scope: Some(scope), ..self }
    }

    /// States why a write leaves no audit event.
    pub const fn unaudited(self, reason: &'static str) -> Self {
        Self { unaudited: Some(reason), ..self }
    }

    /// States what `{id}` names, unless it is a user:
    /// `operation("notes_get", "GET", "/api/v1/notes/{id}", Caller::User, 200, None).on(NOTE)`.
    pub const fn on(self, fixture: Fixture) -> Self {
        Self { fixture, ..self }
    }
}

#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    operation("auth_register", "POST", "/api/v1/auth/register", Caller::Anybody, 201, Some(new_account)),
    operation("auth_signup", "POST", "/api/v1/auth/signup", Caller::Anybody, 202, Some(new_account)),
    operation("auth_login", "POST", "/api/v1/auth/login", Caller::Anybody, 200, Some(credentials)),
    operation("auth_refresh", "POST", "/api/v1/auth/refresh", Caller::Anybody, 200, Some(refresh_token))
        .unaudited("it continues a session whose login left an event, every half hour; what is suspicious about it leaves one"),
    operation("auth_logout", "POST", "/api/v1/auth/logout", Caller::User, 204, None),
    operation("auth_sessions_list", "GET", "/api/v1/auth/sessions", Caller::User, 200, None),
    operation("auth_sessions_revoke", "DELETE", "/api/v1/auth/sessions/{id}", Caller::User, 204, None).on(Fixture::Session),
    operation("auth_logout_all", "POST", "/api/v1/auth/logout-all", Caller::User, 204, None),
    operation("auth_me", "GET", "/api/v1/auth/me", Caller::User, 200, None),
    operation("auth_verify_email", "POST", "/api/v1/auth/verify-email", Caller::Anybody, 200, Some(token))
        .on(Fixture::Link("verify_email")),
    operation("auth_resend_verification", "POST", "/api/v1/auth/resend-verification", Caller::Anybody, 202, Some(address)),
    operation("auth_forgot_password", "POST", "/api/v1/auth/forgot-password", Caller::Anybody, 202, Some(address)),
    operation("auth_reset_password", "POST", "/api/v1/auth/reset-password", Caller::Anybody, 204, Some(token_and_password))
        .on(Fixture::Link("reset_password")),
    operation("auth_confirm_email", "POST", "/api/v1/auth/confirm-email", Caller::Anybody, 200, Some(token))
        .on(Fixture::Link("confirm_email")),
    operation("users_me_change_email", "POST", "/api/v1/users/me/email", Caller::User, 202, Some(new_address)),
    operation("users_me", "GET", "/api/v1/users/me", Caller::User, 200, None).scope("users:read"),
    operation("users_me_update", "PATCH", "/api/v1/users/me", Caller::User, 200, Some(new_name)).scope("users:write"),
    operation("users_me_delete", "DELETE", "/api/v1/users/me", Caller::User, 204, None),
    operation("users_list", "GET", "/api/v1/users", Caller::Support, 200, None).scope("users:read"),
    operation("users_create", "POST", "/api/v1/users", Caller::Superuser, 201, Some(new_account)).scope("users:write"),
    operation("users_get", "GET", "/api/v1/users/{id}", Caller::Support, 200, None).scope("users:read"),
    operation("users_update", "PATCH", "/api/v1/users/{id}", Caller::Superuser, 200, Some(new_name)).scope("users:write"),
    operation("users_delete", "DELETE", "/api/v1/users/{id}", Caller::Superuser, 204, None).scope("users:write"),
    operation("users_activate", "PATCH", "/api/v1/users/{id}/activate", Caller::Superuser, 200, None).scope("users:write"),
    operation("users_deactivate", "PATCH", "/api/v1/users/{id}/deactivate", Caller::Superuser, 200, None).scope("users:write"),
    operation("api_keys_list", "GET", "/api/v1/api-keys", Caller::User, 200, None),
    operation("api_keys_create", "POST", "/api/v1/api-keys", Caller::User, 201, Some(new_api_key)),
    operation("api_keys_get", "GET", "/api/v1/api-keys/{id}", Caller::User, 200, None).on(API_KEY),
    operation("api_keys_delete", "DELETE", "/api/v1/api-keys/{id}", Caller::User, 204, None).on(API_KEY),
    operation("jobs_list", "GET", "/api/v1/jobs", Caller::Superuser, 200, None).scope("jobs:read"),
    operation("jobs_retry", "POST", "/api/v1/jobs/{id}/retry", Caller::Superuser, 200, None).on(Fixture::Job).scope("jobs:write"),
    operation("jobs_delete", "DELETE", "/api/v1/jobs/{id}", Caller::Superuser, 204, None).on(Fixture::Job).scope("jobs:write"),
    operation("webhooks_list", "GET", "/api/v1/webhooks", Caller::Superuser, 200, None).scope("webhooks:read"),
    operation("webhooks_create", "POST", "/api/v1/webhooks", Caller::Superuser, 201, Some(new_webhook)).scope("webhooks:write"),
    operation("webhooks_get", "GET", "/api/v1/webhooks/{id}", Caller::Superuser, 200, None).on(WEBHOOK).scope("webhooks:read"),
    operation("webhooks_update", "PATCH", "/api/v1/webhooks/{id}", Caller::Superuser, 200, Some(new_webhook)).on(WEBHOOK).scope("webhooks:write"),
    operation("webhooks_delete", "DELETE", "/api/v1/webhooks/{id}", Caller::Superuser, 204, None).on(WEBHOOK).scope("webhooks:write"),
    operation("webhooks_rotate_secret", "POST", "/api/v1/webhooks/{id}/rotate-secret", Caller::Superuser, 200, None).on(WEBHOOK).scope("webhooks:write"),
    operation("webhooks_test", "POST", "/api/v1/webhooks/{id}/test", Caller::Superuser, 202, None).on(WEBHOOK).scope("webhooks:write"),
    operation("webhooks_deliveries_list", "GET", "/api/v1/webhooks/{id}/deliveries", Caller::Superuser, 200, None).on(WEBHOOK).scope("webhooks:read"),
    operation("webhooks_resend_delivery", "POST", "/api/v1/webhooks/{id}/deliveries/{delivery_id}/resend", Caller::Superuser, 202, None).on(Fixture::Delivery).scope("webhooks:write"),
    operation("audit_events_list", "GET", "/api/v1/audit-events", Caller::Support, 200, None).scope("audit_events:read"),
    operation("health_show", "GET", "/api/v1/health", Caller::Anybody, 200, None),
    operation("health_live", "GET", "/api/v1/health/live", Caller::Anybody, 200, None),
    operation("health_ready", "GET", "/api/v1/health/ready", Caller::Anybody, 200, None),
    operation("service_show", "GET", "/", Caller::Anybody, 200, None),
    operation("service_jwks", "GET", "/.well-known/jwks.json", Caller::Anybody, 200, None),
];

const API_KEY: Fixture = Fixture::Owned { path: "/api/v1/api-keys", body: new_api_key };

fn new_api_key(_: &TestUser) -> Value {
    json!({"name": "Nightly export", "scopes": ["users:read"]})
}

fn new_account(_: &TestUser) -> Value {
    json!({"email": fresh_email(), "password": PASSWORD, "full_name": "New"})
}

fn credentials(target: &TestUser) -> Value {
    json!({"email": target.email, "password": PASSWORD})
}

fn token(target: &TestUser) -> Value {
    json!({"token": token_of(target)})
}

fn token_and_password(target: &TestUser) -> Value {
    json!({"token": token_of(target), "password": "another horse battery"})
}

fn address(target: &TestUser) -> Value {
    json!({"email": target.email})
}

fn new_address(_: &TestUser) -> Value {
    json!({"email": fresh_email(), "current_password": PASSWORD})
}

/// The ID of the session of a user's tokens.
pub fn session_of(user: &TestUser) -> String {
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(&user.access).unwrap().claims;
    claims["sid"].as_str().unwrap().to_owned()
}

fn refresh_token(target: &TestUser) -> Value {
    json!({"refresh_token": target.refresh})
}

fn new_name(_: &TestUser) -> Value {
    json!({"full_name": "Somebody Else"})
}

/// The operations that need a token.
pub fn protected() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(|operation| operation.who != Caller::Anybody)
}

impl Operation {
    /// Makes what the operation is called on: a thing of `owner`, or that user.
    pub async fn target(&self, service: &Service, owner: &TestUser) -> Target {
        match self.fixture {
            Fixture::User => Target::of(owner),
            Fixture::Job => Target { id: service.job("test_kind", "dead").await, ..Target::of(owner) },
            Fixture::Session => {
                let session = service.log_in_again(&owner.email, owner.id).await;
                Target { text_id: Some(session_of(&session)), ..Target::of(owner) }
            }
            Fixture::Delivery => {
                let (id, inner_id) = test_delivery(service, owner).await;
                Target { id, inner_id, ..Target::of(owner) }
            }
            Fixture::Link(purpose) => {
                send_link(service, owner, purpose).await;
                Target::of(owner)
            }
            Fixture::Owned { path, body } => {
                let made = service.by(owner, "POST", path).json(body(owner)).send().await.expect(201).json();
                let id = made["id"].as_i64().expect("the ID of what was made");
                Target { id, ..Target::of(owner) }
            }
        }
    }

    /// Makes what `caller` may call the operation on: its own thing, or else `other`.
    pub async fn target_for(&self, service: &Service, caller: &TestUser, other: &TestUser) -> Target {
        match self.fixture {
            Fixture::User => Target::of(other),
            Fixture::Link(_) => self.target(service, other).await,
            Fixture::Job | Fixture::Session | Fixture::Delivery | Fixture::Owned { .. } => {
                self.target(service, caller).await
            }
        }
    }

    pub fn path(&self, target: &Target) -> String {
        let id = target.text_id.clone().unwrap_or_else(|| target.id.to_string());
        let template = self.template.replace("{id}", &id);
        template.replace("{delivery_id}", &target.inner_id.to_string())
    }

    /// A call that only a guard refuses.
    pub fn call(&self, service: &Service, target: &Target) -> Call {
        let call = service.call(self.method, &self.path(target));
        match self.body {
            Some(body) => call.json(body(&target.user)),
            None => call,
        }
    }
}

/// Each of these operations with its target, a thing of `owner` or that user.
pub async fn with_targets<'a>(
    operations: impl Iterator<Item = &'a Operation>,
    service: &Service,
    owner: &TestUser,
) -> Vec<(&'a Operation, Target)> {
    let mut targets = Vec::new();
    for operation in operations {
        targets.push((operation, operation.target(service, owner).await));
    }
    targets
}

on_both! {
    async fn an_operation_can_be_called_on_what_a_fixture_made(service: Service) {
        let root = service.superuser().await;
        let get = operation("users_get", "GET", "/api/v1/users/{id}", Caller::Superuser, 200, None)
            .on(Fixture::Owned { path: "/api/v1/users", body: new_account });
        let target = get.target_for(&service, &root, &root).await;
        let found = get.call(&service, &target).bearer(&root.access).send().await.expect(200).json();
        assert_eq!((&found["id"], &found["full_name"]), (&json!(target.id), &json!("New")));
    }
}
