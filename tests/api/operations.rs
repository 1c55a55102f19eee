//! Every operation of the document in one table, and rules that hold for all of them.

mod audit;
mod browsers;
mod contract;
mod guards;
mod links;
mod lost_rights;
mod methods;
mod statuses;

use links::{send_link, token_of};
use serde_json::{Value, json};

use crate::api::webhooks::{WEBHOOK, new_webhook, test_delivery};
use crate::support::client::{PASSWORD, TestUser, fresh_email};
use crate::support::contract::contract;
use crate::support::{Call, Service};

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Anybody,
    User,
    Superuser,
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
    Operation { id, method, template, who, success, body, fixture: Fixture::User }
}

impl Operation {
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
    operation("auth_refresh", "POST", "/api/v1/auth/refresh", Caller::Anybody, 200, Some(refresh_token)),
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
    operation("users_me", "GET", "/api/v1/users/me", Caller::User, 200, None),
    operation("users_me_update", "PATCH", "/api/v1/users/me", Caller::User, 200, Some(new_name)),
    operation("users_me_delete", "DELETE", "/api/v1/users/me", Caller::User, 204, None),
    operation("users_list", "GET", "/api/v1/users", Caller::Superuser, 200, None),
    operation("users_create", "POST", "/api/v1/users", Caller::Superuser, 201, Some(new_account)),
    operation("users_get", "GET", "/api/v1/users/{id}", Caller::Superuser, 200, None),
    operation("users_update", "PATCH", "/api/v1/users/{id}", Caller::Superuser, 200, Some(new_name)),
    operation("users_delete", "DELETE", "/api/v1/users/{id}", Caller::Superuser, 204, None),
    operation("users_activate", "PATCH", "/api/v1/users/{id}/activate", Caller::Superuser, 200, None),
    operation("users_deactivate", "PATCH", "/api/v1/users/{id}/deactivate", Caller::Superuser, 200, None),
    operation("jobs_list", "GET", "/api/v1/jobs", Caller::Superuser, 200, None),
    operation("jobs_retry", "POST", "/api/v1/jobs/{id}/retry", Caller::Superuser, 200, None).on(Fixture::Job),
    operation("jobs_delete", "DELETE", "/api/v1/jobs/{id}", Caller::Superuser, 204, None).on(Fixture::Job),
    operation("webhooks_list", "GET", "/api/v1/webhooks", Caller::Superuser, 200, None),
    operation("webhooks_create", "POST", "/api/v1/webhooks", Caller::Superuser, 201, Some(new_webhook)),
    operation("webhooks_get", "GET", "/api/v1/webhooks/{id}", Caller::Superuser, 200, None).on(WEBHOOK),
    operation("webhooks_update", "PATCH", "/api/v1/webhooks/{id}", Caller::Superuser, 200, Some(new_webhook)).on(WEBHOOK),
    operation("webhooks_delete", "DELETE", "/api/v1/webhooks/{id}", Caller::Superuser, 204, None).on(WEBHOOK),
    operation("webhooks_rotate_secret", "POST", "/api/v1/webhooks/{id}/rotate-secret", Caller::Superuser, 200, None).on(WEBHOOK),
    operation("webhooks_test", "POST", "/api/v1/webhooks/{id}/test", Caller::Superuser, 202, None).on(WEBHOOK),
    operation("webhooks_deliveries_list", "GET", "/api/v1/webhooks/{id}/deliveries", Caller::Superuser, 200, None).on(WEBHOOK),
    operation("webhooks_resend_delivery", "POST", "/api/v1/webhooks/{id}/deliveries/{delivery_id}/resend", Caller::Superuser, 202, None).on(Fixture::Delivery),
    operation("audit_events_list", "GET", "/api/v1/audit-events", Caller::Superuser, 200, None),
    operation("health_show", "GET", "/api/v1/health", Caller::Anybody, 200, None),
    operation("health_live", "GET", "/api/v1/health/live", Caller::Anybody, 200, None),
    operation("health_ready", "GET", "/api/v1/health/ready", Caller::Anybody, 200, None),
    operation("service_show", "GET", "/", Caller::Anybody, 200, None),
    operation("service_jwks", "GET", "/.well-known/jwks.json", Caller::Anybody, 200, None),
];

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

/// How the table departs from a document.
fn differences(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            let id = described["operationId"].as_str().unwrap();
            documented.push(id);
            match OPERATIONS.iter().find(|operation| operation.id == id) {
                None => problems.push(lacking(id, method, path, described)),
                Some(operation) => {
                    problems.extend(missing_fixture(operation));
                    let address = (operation.method.to_lowercase(), operation.template);
                    if address != (method.clone(), path.as_str()) {
                        problems.push(format!("{id} is {method} {path} in the document"));
                    }
                    problems.extend(differing_traits(operation, described));
                }
            }
        }
    }
    let stale = OPERATIONS.iter().filter(|operation| !documented.contains(&operation.id));
    problems.extend(stale.map(|operation| format!("the document lacks {}", operation.id)));
    problems
}

/// What to add for an operation of the document that the table lacks.
fn lacking(id: &str, method: &str, path: &str, described: &Value) -> String {
    let who = match (described["security"][0].is_object(), described["x-required-role"].is_string()) {
        (false, _) => "Anybody",
        (true, false) => "User",
        (true, true) => "Superuser",
    };
    let statuses = described["responses"].as_object().unwrap();
    let success = statuses.keys().find(|status| status.starts_with('2')).unwrap();
    let body = if described["requestBody"].is_object() { "Some(a_valid_body)" } else { "None" };
    let method = method.to_uppercase();
    format!(
        "the table lacks {id}. Add to OPERATIONS in tests/api/operations.rs:\n    \
         operation(\"{id}\", \"{method}\", \"{path}\", Caller::{who}, {success}, {body}),"
    )
}

/// What to add to a row whose `{id}` is not a user's and that does not state what it is.
fn missing_fixture(operation: &Operation) -> Option<String> {
    let is_user = matches!(operation.fixture, Fixture::User);
    let collection = operation.template.split("/{id}").next().filter(|path| *path != operation.template)?;
    (is_user && collection != "/api/v1/users").then(|| {
        format!(
            "{}: state what its {{id}} names, in tests/api/operations.rs: \
             .on(Fixture::Owned {{ path: \"{collection}\", body: a_valid_body }})",
            operation.id
        )
    })
}

fn differing_traits(operation: &Operation, described: &Value) -> Vec<String> {
    let statuses: Vec<&String> = described["responses"].as_object().unwrap().keys().collect();
    let success = operation.success.to_string();
    let needs_token = described["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    let refusals = &described["responses"]["403"]["content"]["application/json"]["examples"];
    let may_be_forbidden = refusals["forbidden"].is_object();
    let who = match (needs_token, described["x-required-role"].as_str()) {
        (false, _) => Caller::Anybody,
        (true, None) => Caller::User,
        (true, Some(_)) => Caller::Superuser,
    };
    let pairs = [
        ("caller", who == operation.who && may_be_forbidden == (who == Caller::Superuser)),
        ("body", described["requestBody"].is_object() == operation.body.is_some()),
        ("success", statuses.iter().filter(|s| s.starts_with('2')).eq([&&success])),
    ];
    let wrong = pairs.into_iter().filter(|(_, right)| !right);
    wrong.map(|(name, _)| format!("{} has another {name} in the document", operation.id)).collect()
}

#[test]
fn the_table_has_exactly_the_operations_of_the_document() {
    let differences = differences(&contract().document);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_document_with_an_extra_operation_differs_from_the_table() {
    let mut document = contract().document.clone();
    let mut added = document["paths"]["/api/v1/users/me"]["get"].clone();
    added["operationId"] = json!("users_me_show_twice");
    document["paths"]["/api/v1/users/me"]["put"] = added;
    let row = "operation(\"users_me_show_twice\", \"PUT\", \"/api/v1/users/me\", Caller::User, 200, None),";
    let [lacking] = &*differences(&document) else { panic!("one operation is new") };
    assert!(
        lacking.starts_with("the table lacks users_me_show_twice. ") && lacking.ends_with(row),
        "{lacking}"
    );
}

#[test]
fn a_row_that_does_not_state_what_its_id_names_is_found() {
    let notes = operation("notes_get", "GET", "/api/v1/notes/{id}", Caller::User, 200, None);
    assert!(missing_fixture(&notes).unwrap().starts_with("notes_get: state what its {id} names"));
    assert_eq!(missing_fixture(&notes.on(Fixture::Owned { path: "/api/v1/notes", body: new_name })), None);
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

#[test]
fn a_document_without_an_operation_differs_from_the_table() {
    let mut document = contract().document.clone();
    document["paths"]["/api/v1/users/me"].as_object_mut().unwrap().shift_remove("delete");
    assert_eq!(differences(&document), ["the document lacks users_me_delete"]);
}

#[test]
fn an_operation_with_another_guard_path_or_body_differs_from_the_table() {
    let mut document = contract().document.clone();
    document["paths"]["/api/v1/users"]["get"]["security"] = json!([]);
    let body =
        document["paths"]["/api/v1/users"]["post"].as_object_mut().unwrap().shift_remove("requestBody");
    assert!(body.is_some());
    let moved = document["paths"]["/api/v1/auth/me"].take();
    document["paths"].as_object_mut().unwrap().shift_remove("/api/v1/auth/me");
    document["paths"]["/api/v1/auth/myself"] = moved;
    assert_eq!(
        differences(&document),
        [
            "users_list has another caller in the document",
            "users_create has another body in the document",
            "auth_me is get /api/v1/auth/myself in the document",
        ]
    );
}
