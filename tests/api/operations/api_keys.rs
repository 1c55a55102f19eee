//! Which API key may call what: every operation with every scope.

use groundwork::domain::permissions::Permission;

use super::guards::wrong_calls;
use super::{Caller, OPERATIONS, Operation, protected, with_targets};
use crate::support::client::Answer;

/// Every scope.
pub fn scopes() -> [&'static str; Permission::ALL.len()] {
    Permission::ALL.map(Permission::as_str)
}

/// The refusal of a key, with the challenge that RFC 6750 wants.
fn expect_insufficient(answer: Answer, operation: &Operation) {
    let challenge = answer.header("www-authenticate").to_owned();
    let wanted = match operation.scope {
        Some(scope) => format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""),
        None => "Bearer error=\"insufficient_scope\"".to_owned(),
    };
    assert_eq!(challenge, wanted, "{}", operation.id);
    answer.expect_error(403, "insufficient_scope");
}

on_both! {
    async fn a_key_without_the_scope_of_an_operation_is_refused_and_changes_nothing(service: Service) {
        let root = service.superuser().await;
        let mut keys = Vec::new();
        for scope in scopes() {
            keys.push((scope, service.api_key(&root, &[scope]).await.1));
        }
        let targets = with_targets(protected(), &service, &root).await;
        // The first use of each key is recorded.
        for (_, key) in &keys {
            service.call("GET", "/api/v1/users").bearer(key).send().await;
            service.call("GET", "/api/v1/jobs").bearer(key).send().await;
            service.call("GET", "/api/v1/webhooks").bearer(key).send().await;
            service.call("POST", "/api/v1/jobs/0/retry").bearer(key).send().await;
            service.call("PATCH", "/api/v1/users/0/activate").bearer(key).send().await;
            service.call("POST", "/api/v1/webhooks/0/test").bearer(key).send().await;
        }
        let before = service.stored().await;
        for (operation, target) in targets {
            for (_, key) in keys.iter().filter(|(scope, _)| Some(*scope) != operation.scope) {
                let answer = operation.call(&service, &target).bearer(key).send().await;
                expect_insufficient(answer, operation);
                for (name, call) in wrong_calls(&service, operation, &target) {
                    let answer = call.bearer(key).send().await;
                    assert_eq!(answer.status, 403, "{} with {name}: {answer:?}", operation.id);
                }
            }
        }
        assert_eq!(service.stored().await, before);
    }

    async fn a_key_with_the_scope_of_an_operation_may_call_it(service: Service) {
        let _another_remains = service.superuser().await;
        let mut used = Vec::new();
        for operation in OPERATIONS {
            let Some(scope) = operation.scope else { continue };
            let (root, other) = (service.superuser().await, service.user().await);
            let (_, key) = service.api_key(&root, &[scope]).await;
            let target = operation.target_for(&service, &root, &other).await;
            let answer = operation.call(&service, &target).bearer(&key).send().await;
            assert_eq!(answer.status, operation.success, "{}: {answer:?}", operation.id);
            used.push(scope);
        }
        for scope in scopes() {
            assert!(used.contains(&scope), "no operation has the scope {scope}");
        }
    }

    async fn a_key_with_every_scope_does_no_more_than_its_user(service: Service) {
        let (user, support) = (service.user().await, service.user_with_role("support").await);
        let root = service.superuser().await;
        let (_, of_user) = service.api_key(&user, &scopes()).await;
        let (_, of_support) = service.api_key(&support, &scopes()).await;
        for operation in OPERATIONS.iter().filter(|operation| operation.who.needs_role()) {
            let target = operation.target(&service, &root).await;
            let call = || operation.call(&service, &target);
            call().bearer(&of_user).send().await.expect_error(403, "forbidden");
            let answer = call().bearer(&of_support).send().await;
            match operation.who {
                Caller::Support => drop(answer.expect(operation.success)),
                _ => drop(answer.expect_error(403, "forbidden")),
            }
        }
    }

    async fn no_key_may_use_what_belongs_to_logins(service: Service) {
        let root = service.superuser().await;
        let (_, key) = service.api_key(&root, &scopes()).await;
        let mut refused = Vec::new();
        for operation in protected().filter(|operation| operation.scope.is_none()) {
            let target = operation.target(&service, &root).await;
            expect_insufficient(operation.call(&service, &target).bearer(&key).send().await, operation);
            refused.push(operation.id);
        }
        for id in ["auth_logout", "users_me_change_email", "users_me_delete", "api_keys_create"] {
            assert!(refused.contains(&id), "{id} accepts keys");
        }
    }
}
