//! What superusers do to users.

use std::time::Duration;

use serde_json::{Value, json};

use super::{events, on, patch};
use crate::support::Service;
use crate::support::client::{Answer, NOT_ROUTINE, PASSWORD, TestUser, fresh_email};

async fn create(service: &Service, root: &TestUser, body: Value) -> Answer {
    service.by(root, "POST", "/api/v1/users").json(body).send().await
}

on_both! {
    async fn a_user_is_created_read_updated_and_deleted(service: Service) {
        let root = service.superuser().await;
        let body = json!({"email": "Grace@Example.com", "password": PASSWORD, "full_name": "Grace", "is_verified": true});
        let created = create(&service, &root, body).await.expect(201).json();
        assert_eq!(created["email"], "grace@example.com");
        let flags = |user: &Value| ["is_active", "is_superuser", "is_verified"].map(|flag| user[flag] == true);
        assert_eq!(flags(&created), [true, false, true]);
        let id = created["id"].as_i64().unwrap();
        assert_eq!(on(&service, &root, "GET", id, "").await.expect(200).json(), created);
        service.login("grace@example.com", PASSWORD).await.expect(200);

        service.clock.advance(Duration::from_secs(1));
        let body = json!({"email": "hopper@example.com", "full_name": "Hopper", "is_verified": false});
        let changed = patch(&service, &root, id, body).await.expect(200).json();
        assert_eq!((&changed["email"], &changed["full_name"]), (&json!("hopper@example.com"), &json!("Hopper")));
        assert_eq!(flags(&changed), [true, false, false]);
        assert_eq!(changed["created_at"], created["created_at"]);
        assert!(changed["updated_at"].as_str() > created["updated_at"].as_str());
        assert_eq!(on(&service, &root, "GET", id, "").await.expect(200).json(), changed);

        on(&service, &root, "DELETE", id, "").await.expect(204);
        on(&service, &root, "GET", id, "").await.expect_error(404, "not_found");
        service.login("hopper@example.com", PASSWORD).await.expect_error(401, "invalid_credentials");
    }

    async fn null_clears_the_name_of_any_user(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let named = patch(&service, &root, user.id, json!({"full_name": "Ada"})).await.expect(200).json();
        assert_eq!(named["full_name"], "Ada");
        let cleared = patch(&service, &root, user.id, json!({"full_name": null})).await.expect(200).json();
        assert_eq!(cleared["full_name"], Value::Null);
        // What cannot be without a value cannot be cleared.
        for field in ["email", "password", "is_active", "is_superuser", "is_verified"] {
            assert_eq!(patch(&service, &root, user.id, json!({field: null})).await.invalid_fields(), [field]);
        }
    }

    async fn a_user_can_be_created_with_any_rights(service: Service) {
        let root = service.superuser().await;
        let (admin, idle) = (fresh_email(), fresh_email());
        let body = json!({"email": admin, "password": PASSWORD, "is_superuser": true});
        let made = create(&service, &root, body).await.expect(201).json();
        let admin = service.log_in_again(&admin, made["id"].as_i64().unwrap()).await;
        on(&service, &admin, "GET", root.id, "").await.expect(200);
        let body = json!({"email": idle, "password": PASSWORD, "is_active": false});
        create(&service, &admin, body).await.expect(201);
        service.login(&idle, PASSWORD).await.expect_error(401, "invalid_credentials");
    }

    async fn an_email_is_unique_in_every_spelling(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let before = service.stored().await;
        for email in [user.email.clone(), user.email.to_uppercase(), format!("  {} ", user.email)] {
            let body = json!({"email": email, "password": PASSWORD});
            create(&service, &root, body).await.expect_error(409, "email_taken");
        }
        assert_eq!(service.stored().await, before);
    }

    async fn an_update_with_a_taken_email_changes_nothing(service: Service) {
        let (root, user, other) = (service.superuser().await, service.user().await, service.user().await);
        let before = service.stored().await;
        let changes = json!({
            "email": other.email, "full_name": "Ada", "password": "a new password",
            "is_active": false, "is_superuser": true, "is_verified": true,
        });
        patch(&service, &root, user.id, changes).await.expect_error(409, "email_taken");
        assert_eq!(service.stored().await, before);
        service.me(&user.access).await.expect(200);
        service.login(&user.email, PASSWORD).await.expect(200);
    }

    async fn a_user_may_get_another_spelling_of_the_same_email(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let body = json!({"email": user.email.to_uppercase()});
        let changed = patch(&service, &root, user.id, body).await.expect(200).json();
        assert_eq!(changed["email"], user.email);
    }

    async fn absent_fields_are_kept_and_an_empty_update_changes_nothing(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let mut before = patch(&service, &root, user.id, json!({"full_name": "Ada"})).await.expect(200).json();
        let events_before = events(&service, user.id).await;
        let mut after = patch(&service, &root, user.id, json!({})).await.expect(200).json();
        before["updated_at"].take();
        after["updated_at"].take();
        assert_eq!(after, before);
        assert_eq!(events(&service, user.id).await, events_before);
        service.me(&user.access).await.expect(200);
    }

    async fn a_superuser_cannot_set_an_id_or_an_unknown_role(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let before = service.stored().await;
        for (field, value) in [("id", json!(7)), ("role", json!("admin"))] {
            let body = json!({"email": fresh_email(), "password": PASSWORD, field: value});
            assert_eq!(create(&service, &root, body).await.invalid_fields(), [field]);
            assert_eq!(patch(&service, &root, user.id, json!({field: value})).await.invalid_fields(), [field]);
        }
        assert_eq!(service.stored().await, before);
    }

    async fn every_invalid_field_is_named_at_once(service: Service) {
        let root = service.superuser().await;
        let before = service.stored().await;
        let body = json!({"email": "nobody", "password": "short", "full_name": "", "is_active": "yes", "role": "admin"});
        let mut fields = create(&service, &root, body).await.invalid_fields();
        fields.sort();
        fields.dedup();
        assert_eq!(fields, ["email", "full_name", "is_active", "password", "role"]);
        let mut missing = create(&service, &root, json!({})).await.invalid_fields();
        missing.sort();
        assert_eq!(missing, ["email", "password"]);
        assert_eq!(service.stored().await, before);
    }

    async fn an_unknown_user_is_not_found(service: Service) {
        let root = service.superuser().await;
        let before = service.stored().await;
        for id in [root.id + 1, i64::MAX] {
            on(&service, &root, "GET", id, "").await.expect_error(404, "not_found");
            on(&service, &root, "DELETE", id, "").await.expect_error(404, "not_found");
            on(&service, &root, "PATCH", id, "/activate").await.expect_error(404, "not_found");
            on(&service, &root, "PATCH", id, "/deactivate").await.expect_error(404, "not_found");
            patch(&service, &root, id, json!({"full_name": "Ada"})).await.expect_error(404, "not_found");
            patch(&service, &root, id, json!({"email": root.email})).await.expect_error(404, "not_found");
        }
        assert_eq!(service.stored().await, before);
    }

    async fn an_invalid_user_id_is_named(service: Service) {
        let root = service.superuser().await;
        for id in ["abc", "0", "-1", "9223372036854775808", "1.0", "1e3", "%20", "0x1", "me2", "%00", "+1", "%2B1", "01", "-0"] {
            for (method, below) in [("GET", ""), ("DELETE", ""), ("PATCH", "/activate"), ("PATCH", "/deactivate")] {
                let answer = service.by(&root, method, &format!("/api/v1/users/{id}{below}")).send().await;
                assert_eq!(answer.status, 422, "{method} {id}{below}: {answer:?}");
                assert_eq!(answer.invalid_fields(), ["id"], "{method} {id}{below}");
            }
            let call = service.by(&root, "PATCH", &format!("/api/v1/users/{id}")).json(json!({"full_name": "Ada"}));
            assert_eq!(call.send().await.invalid_fields(), ["id"], "{id}");
        }
    }

    async fn every_change_writes_an_audit_event_with_its_actor(service: Service) {
        let root = service.superuser().await;
        let body = json!({"email": fresh_email(), "password": PASSWORD});
        let id = create(&service, &root, body).await.expect(201).json()["id"].as_i64().unwrap();
        for changes in [
            json!({"full_name": "Ada", "is_verified": true}),
            json!({"full_name": "Ada", "is_verified": false}),
            json!({"email": fresh_email()}),
            json!({"password": "a new password"}),
            json!({"is_superuser": true}),
            json!({"is_superuser": true}),
            json!({"is_superuser": false}),
            json!({"is_active": false}),
        ] {
            patch(&service, &root, id, changes).await.expect(200);
        }
        for below in ["/deactivate", "/activate", "/activate", "/deactivate"] {
            on(&service, &root, "PATCH", id, below).await.expect(200);
        }
        on(&service, &root, "DELETE", id, "").await.expect(204);
        let kinds = [
            "user_created", "full_name_changed", "email_verified", "email_unverified", "email_changed", "password_changed", "superuser_granted", "superuser_revoked",
            "user_deactivated", "user_activated", "user_deactivated", "user_deleted",
        ];
        assert_eq!(events(&service, id).await, kinds.map(|kind| format!("{kind} by {}", root.id)));
    }

    async fn an_audit_event_names_the_request_and_a_refused_change_writes_none(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let call = service.by(&root, "PATCH", &format!("/api/v1/users/{}/deactivate", user.id));
        call.header("x-request-id", "a-test-of-events").send().await.expect(200);
        on(&service, &root, "PATCH", root.id, "/deactivate").await.expect_error(409, "last_superuser");
        let of_changes = |what: &str| format!("SELECT {what} AS value FROM audit_events WHERE {NOT_ROUTINE}");
        let requests = service.database.rows(&of_changes("request_id")).await;
        assert_eq!(requests, [Some("client/a-test-of-events".to_owned())]);
        let address = service.database.sql(&of_changes("ip")).await;
        assert_eq!(address.as_deref(), Some("127.0.0.1"));
    }
}
