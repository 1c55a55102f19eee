//! `/users`: the current user, and all users for superusers.

mod admin;
mod list;
mod own;
mod roles;
mod sessions;
mod superusers;

use serde_json::Value;

use crate::support::Service;
use crate::support::client::{Answer, NOT_ROUTINE, TestUser};

/// A change to the own user.
async fn patch_me(service: &Service, caller: &TestUser, changes: Value) -> Answer {
    service.by(caller, "PATCH", "/api/v1/users/me").json(changes).send().await
}

/// A change that a superuser makes to a user.
async fn patch(service: &Service, root: &TestUser, id: i64, changes: Value) -> Answer {
    service.by(root, "PATCH", &format!("/api/v1/users/{id}")).json(changes).send().await
}

/// A call without a body to a user's address, or below it: `on(&service, &root, "PATCH", id,
/// "/activate")`.
async fn on(service: &Service, root: &TestUser, method: &str, id: i64, below: &str) -> Answer {
    service.by(root, method, &format!("/api/v1/users/{id}{below}")).send().await
}

/// What happened to a user, in the order in which it happened: the kind, and who did it.
async fn events(service: &Service, id: i64) -> Vec<String> {
    let statement = format!(
        "SELECT kind || ' by ' || COALESCE(CAST(actor_id AS TEXT), 'nobody') AS value \
         FROM audit_events WHERE user_id = {id} AND {NOT_ROUTINE} ORDER BY id"
    );
    service.database.rows(&statement).await.into_iter().flatten().collect()
}
