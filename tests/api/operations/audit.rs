//! Every write of every operation leaves an audit event, unless its row says why not.

use super::{Caller, OPERATIONS, Operation, Target};
use crate::support::Service;
use crate::support::client::TestUser;

/// The kinds of all events with their actors, oldest first.
async fn events(service: &Service) -> Vec<String> {
    let all = "SELECT kind || ' by ' || COALESCE(CAST(actor_id AS TEXT), 'nobody') AS value FROM audit_events ORDER BY id";
    service.database.rows(all).await.into_iter().flatten().collect()
}

/// Calls an operation on something that it changes. Returns the events that it leaves.
async fn call(service: &Service, operation: &Operation, caller: &TestUser, target: &Target) -> Vec<String> {
    if operation.id == "users_activate" {
        let close = format!("UPDATE users SET is_active = FALSE WHERE id = {}", target.id);
        service.database.sql(&close).await;
    }
    service.settle().await;
    let before = (events(service).await.len(), service.stored().await);
    let call = operation.call(service, target);
    let call = if operation.who == Caller::Anybody { call } else { call.bearer(&caller.access) };
    call.send().await.expect(operation.success);
    let is_changed = service.stored().await != before.1;
    assert_eq!(is_changed, operation.method != "GET", "{} has changed something", operation.id);
    events(service).await.split_off(before.0)
}

on_both! {
    async fn every_write_of_every_operation_leaves_an_event_that_names_its_actor(service: Service) {
        let _another_remains = service.superuser().await;
        for operation in OPERATIONS {
            let (caller, other) = (service.superuser().await, service.user().await);
            let target = operation.target_for(&service, &caller, &other).await;
            let left = call(&service, operation, &caller, &target).await;
            let needs_none = operation.method == "GET" || operation.unaudited.is_some();
            assert_eq!(left.is_empty(), needs_none, "{} leaves {left:?}", operation.id);
            if operation.who != Caller::Anybody {
                let names_actor = left.iter().any(|event| event.ends_with(&format!(" by {}", caller.id)));
                assert!(names_actor || needs_none, "{} leaves {left:?}", operation.id);
            }
        }
    }
}
