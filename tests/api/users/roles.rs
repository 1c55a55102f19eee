//! Roles, and the flag of superusers that is older than they are.

use serde_json::{Value, json};

use super::{events, patch};
use crate::support::client::{PASSWORD, fresh_email};

fn rights(user: &Value) -> (&str, bool) {
    (user["role"].as_str().unwrap(), user["is_superuser"].as_bool().unwrap())
}

on_both! {
    async fn a_user_is_created_with_a_role_or_with_the_flag(service: Service) {
        let root = service.superuser().await;
        for (given, role) in [
            (json!({}), "user"),
            (json!({"role": "user"}), "user"),
            (json!({"role": "support"}), "support"),
            (json!({"role": "superuser"}), "superuser"),
            (json!({"role": "support", "is_superuser": false}), "support"),
            (json!({"role": "superuser", "is_superuser": true}), "superuser"),
            (json!({"is_superuser": true}), "superuser"),
        ] {
            let mut body = json!({"email": fresh_email(), "password": PASSWORD});
            body.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
            let created = service.by(&root, "POST", "/api/v1/users").json(body).send().await.expect(201).json();
            assert_eq!(rights(&created), (role, role == "superuser"), "{given}");
            let path = format!("/api/v1/users/{}", created["id"]);
            let found = service.by(&root, "GET", &path).send().await.expect(200).json();
            assert_eq!(rights(&found), (role, role == "superuser"), "{given}");
        }
    }

    async fn the_role_and_the_flag_change_together(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        for (change, role) in [
            (json!({"role": "support"}), "support"),
            (json!({"full_name": "Ada"}), "support"),
            // What a client sends that knows no roles and writes the whole user back.
            (json!({"is_superuser": false}), "support"),
            (json!({"is_superuser": true}), "superuser"),
            (json!({"is_superuser": false}), "user"),
            (json!({"role": "superuser"}), "superuser"),
            (json!({"role": "support"}), "support"),
            (json!({"role": "user", "is_superuser": false}), "user"),
        ] {
            let changed = patch(&service, &root, user.id, change.clone()).await.expect(200).json();
            assert_eq!(rights(&changed), (role, role == "superuser"), "{change}");
        }
        let kinds: Vec<_> = events(&service, user.id).await.into_iter().collect();
        let by_root = |kind: &str| format!("{kind} by {}", root.id);
        let wanted = ["role_changed", "full_name_changed", "superuser_granted", "superuser_revoked", "superuser_granted", "superuser_revoked", "role_changed"];
        assert_eq!(kinds, wanted.map(by_root));
    }

    async fn an_unknown_role_and_a_contradiction_are_refused(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        for change in [
            json!({"role": "root"}),
            json!({"role": "superuser", "is_superuser": false}),
            json!({"role": "support", "is_superuser": true}),
        ] {
            let answer = patch(&service, &root, user.id, change.clone()).await;
            assert_eq!(answer.invalid_fields(), ["role"], "{change}");
        }
    }

    async fn support_reads_users_and_gives_itself_nothing(service: Service) {
        let (support, other) = (service.user_with_role("support").await, service.user().await);
        assert_eq!(rights(&service.me(&support.access).await.expect(200).json()), ("support", false));
        let path = format!("/api/v1/users/{}", other.id);
        service.by(&support, "GET", "/api/v1/users").send().await.expect(200);
        service.by(&support, "GET", &path).send().await.expect(200);
        patch(&service, &support, other.id, json!({"full_name": "Ada"})).await.expect_error(403, "forbidden");
        patch(&service, &support, support.id, json!({"role": "superuser"})).await.expect_error(403, "forbidden");
        let own = service.by(&support, "PATCH", "/api/v1/users/me").json(json!({"role": "superuser"}));
        assert_eq!(own.send().await.invalid_fields(), ["role"]);
    }

    async fn the_last_superuser_gets_no_lower_role(service: Service) {
        let root = service.superuser().await;
        for role in ["user", "support"] {
            patch(&service, &root, root.id, json!({"role": role})).await.expect_error(409, "last_superuser");
        }
        patch(&service, &root, root.id, json!({"role": "superuser"})).await.expect(200);
    }

    /// The previous release, which runs beside this one during a deployment, writes the flag alone.
    async fn the_flag_of_the_previous_release_decides(service: Service) {
        let user = service.user_with_role("support").await;
        let read = async || service.me(&user.access).await.expect(200).json();
        let write = async |flag: &str| {
            let statement = format!("UPDATE users SET is_superuser = {flag} WHERE id = {}", user.id);
            service.database.sql(&statement).await;
        };
        write("TRUE").await;
        assert_eq!(rights(&read().await), ("superuser", true));
        service.by(&user, "GET", "/api/v1/jobs").send().await.expect(200);
        write("FALSE").await;
        assert_eq!(rights(&read().await), ("support", false));
    }
}
