//! `ETag`, `If-None-Match` and `If-Match`.

use futures_util::future::join_all;
use serde_json::json;

use super::{described, resource_path, taking};
use crate::api::operations::{Operation, Target};
use crate::api::webhooks::new_webhook;
use crate::support::Service;
use crate::support::client::{PASSWORD, TestUser};

/// The tag of a resource as a superuser or its owner sees it.
async fn tag_of(service: &Service, caller: &TestUser, path: &str) -> String {
    let answer = service.by(caller, "GET", path).send().await.expect(200);
    let tag = answer.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{tag}");
    tag
}

/// A superuser who remains, the caller of an operation, and what it is called on.
async fn scene(service: &Service, operation: &Operation) -> (TestUser, Target) {
    let (caller, other) = (service.superuser().await, service.user().await);
    let target = operation.target_for(service, &caller, &other).await;
    (caller, target)
}

on_both! {
    async fn a_get_of_what_the_client_has_is_answered_304(service: Service) {
        let mut checked = 0;
        for operation in taking("If-None-Match") {
            let (root, target) = scene(&service, operation).await;
            let path = operation.path(&target);
            let tag = tag_of(&service, &root, &path).await;
            for held in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
                for method in ["GET", "HEAD"] {
                    let answer = service.by(&root, method, &path).header("if-none-match", &held).send().await;
                    assert_eq!(answer.status, 304, "{held}: {answer:?}");
                    assert_eq!((answer.header("etag"), answer.text.as_str()), (tag.as_str(), ""));
                }
            }
            for held in ["\"other\"", "W/\"other\"", "", "unquoted", "\"open"] {
                let answer = service.by(&root, "GET", &path).header("if-none-match", held).send().await;
                assert_eq!(answer.status, 200, "{held}: {answer:?}");
            }
            let lines = service.by(&root, "GET", &path).header("if-none-match", "\"other\"");
            lines.header("if-none-match", &tag).send().await.expect(304);
            checked += 1;
        }
        assert!(checked >= 4, "{checked}");
    }

    async fn a_change_whose_condition_is_not_met_changes_nothing(service: Service) {
        let _another_remains = service.superuser().await;
        let mut checked = 0;
        for operation in taking("If-Match") {
            let (root, target) = scene(&service, operation).await;
            let tag = tag_of(&service, &root, &resource_path(operation, &target)).await;
            let before = service.stored().await;
            let weak = format!("W/{tag}");
            let not_seen = ["\"other\"", &weak, "\"a\", W/\"b\"", "", "unquoted", tag.trim_matches('"')];
            let not_seen = not_seen.map(|held| ("if-match", held));
            let seen = ["*", &tag, &weak].map(|held| ("if-none-match", held));
            for (header, held) in not_seen.into_iter().chain(seen) {
                let call = operation.call(&service, &target).bearer(&root.access).header(header, held);
                call.send().await.expect_error(412, "precondition_failed");
            }
            assert_eq!(service.stored().await, before, "{}", operation.id);
            checked += 1;
        }
        assert!(checked >= 8, "{checked}");
    }

    async fn a_change_whose_condition_is_met_is_made(service: Service) {
        let _another_remains = service.superuser().await;
        for operation in taking("If-Match") {
            for held in ["", "\"other\", ", "*"] {
                let (root, target) = scene(&service, operation).await;
                let tag = tag_of(&service, &root, &resource_path(operation, &target)).await;
                let held = if held == "*" { held.to_owned() } else { format!("{held}{tag}") };
                let call = operation.call(&service, &target).bearer(&root.access).header("if-match", &held);
                let call = call.header("if-none-match", "\"other\"");
                let answer = call.send().await.expect(operation.success);
                if described(operation)["responses"]["200"].is_object() {
                    let now = tag_of(&service, &root, &resource_path(operation, &target)).await;
                    assert_eq!(answer.header("etag"), now, "{}", operation.id);
                    assert_ne!(now, tag, "{}", operation.id);
                }
            }
        }
    }

    async fn a_resource_that_does_not_exist_is_not_found_whatever_the_condition(service: Service) {
        let root = service.superuser().await;
        for operation in taking("If-Match").filter(|operation| operation.template.contains("{id}")) {
            let nobody = Target { id: 999_999, ..Target::of(&root) };
            for held in ["*", "\"other\""] {
                let call = operation.call(&service, &nobody).bearer(&root.access).header("if-match", held);
                call.send().await.expect_error(404, "not_found");
            }
        }
    }

    async fn a_tag_is_the_same_for_everybody_and_after_every_change_another(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let path = format!("/api/v1/users/{}", user.id);
        let mut seen = Vec::new();
        for body in [json!({}), json!({"full_name": "Ada"}), json!({"full_name": "Bob"}), json!({"is_verified": true}),
            json!({"is_superuser": true}), json!({"email": "ada@example.org"})] {
            service.clock.advance(std::time::Duration::from_millis(1));
            let changed = service.by(&root, "PATCH", &path).json(body).send().await.expect(200);
            let tag = tag_of(&service, &root, &path).await;
            assert_eq!(changed.header("etag"), tag);
            assert_eq!(tag_of(&service, &user, "/api/v1/users/me").await, tag);
            assert_eq!(tag_of(&service, &user, "/api/v1/auth/me").await, tag);
            assert_eq!(tag_of(&service, &root, &path).await, tag, "it stays until the next change");
            assert!(!seen.contains(&tag), "{tag}");
            seen.push(tag);
        }
    }

    async fn of_changes_that_race_for_one_version_exactly_one_is_made(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let hook = service.by(&root, "POST", "/api/v1/webhooks").json(new_webhook(&root)).send().await.expect(201).json();
        let other = service.another_instance().await;
        for (path, caller, field) in [
            (format!("/api/v1/users/{}", user.id), &root, "full_name"),
            ("/api/v1/users/me".to_owned(), &user, "full_name"),
            (format!("/api/v1/webhooks/{}", hook["id"]), &root, "description"),
        ] {
            let tag = tag_of(&service, caller, &path).await;
            let changes = (0..20).map(|n| {
                let instance = if n % 2 == 0 { &service.instance } else { &other };
                let call = crate::support::Call::new(&instance.url, "PATCH", &path).bearer(&caller.access);
                call.header("if-match", &tag).json(json!({field: format!("Name {n}")})).send()
            });
            let answers = join_all(changes).await;
            let made: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
            assert_eq!(made.len(), 1, "{path}: {answers:?}");
            assert_eq!(service.by(caller, "GET", &path).send().await.json(), made[0].json());
            for refused in answers.into_iter().filter(|answer| answer.status != 200) {
                refused.expect_error(412, "precondition_failed");
            }
        }
        other.stop().await;
    }

    async fn a_new_password_can_have_a_condition_too(service: Service) {
        let user = service.user().await;
        let tag = tag_of(&service, &user, "/api/v1/users/me").await;
        let body = json!({"current_password": PASSWORD, "password": "another horse battery"});
        let change = || service.by(&user, "PATCH", "/api/v1/users/me").json(body.clone());
        change().header("if-match", "\"other\"").send().await.expect_error(412, "precondition_failed");
        change().header("if-match", &tag).send().await.expect(200);
    }
}
