//! What a superuser's change does to the sessions of a user.

use serde_json::json;

use super::{on, patch};
use crate::support::Service;
use crate::support::client::{PASSWORD, TestUser};

async fn assert_over(service: &Service, session: &TestUser) {
    service.me(&session.access).await.expect_error(401, "invalid_token");
    service.refresh(&session.refresh).await.expect_error(401, "invalid_token");
}

on_both! {
    async fn deactivation_ends_every_session_and_activation_restores_only_login(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let phone = service.log_in_again(&user.email, user.id).await;
        let idle = on(&service, &root, "PATCH", user.id, "/deactivate").await.expect(200).json();
        assert_eq!(idle["is_active"], false);
        for session in [&user, &phone] {
            assert_over(&service, session).await;
        }
        service.login(&user.email, PASSWORD).await.expect_error(401, "invalid_credentials");

        let active = on(&service, &root, "PATCH", user.id, "/activate").await.expect(200).json();
        assert_eq!(active["is_active"], true);
        for session in [&user, &phone] {
            assert_over(&service, session).await;
        }
        let again = service.log_in_again(&user.email, user.id).await;
        service.me(&again.access).await.expect(200);
        service.me(&root.access).await.expect(200);
    }

    async fn an_inactive_user_has_no_session_even_if_changes_race(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let live = format!(
            "SELECT CAST(COUNT(*) AS TEXT) AS value FROM sessions WHERE revoked_at IS NULL AND user_id = {}",
            user.id
        );
        for round in 0..10 {
            on(&service, &root, "PATCH", user.id, "/deactivate").await.expect(200);
            tokio::join!(
                on(&service, &root, "PATCH", user.id, "/deactivate"),
                on(&service, &root, "PATCH", user.id, "/activate"),
                service.login(&user.email, PASSWORD),
                on(&service, &root, "PATCH", user.id, "/deactivate"),
            );
            let path = format!("/api/v1/users/{}", user.id);
            let is_active = service.by(&root, "GET", &path).send().await.expect(200).json()["is_active"].take();
            let live = service.database.sql(&live).await.unwrap();
            assert!(is_active == true || live == "0", "round {round}: {live} live sessions");
        }
    }

    async fn a_change_of_is_active_does_the_same_as_deactivation(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        patch(&service, &root, user.id, json!({"is_active": false})).await.expect(200);
        assert_over(&service, &user).await;
        patch(&service, &root, user.id, json!({"is_active": true})).await.expect(200);
        assert_over(&service, &user).await;
        service.login(&user.email, PASSWORD).await.expect(200);
    }

    async fn activating_an_active_user_keeps_the_sessions(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        on(&service, &root, "PATCH", user.id, "/activate").await.expect(200);
        service.me(&user.access).await.expect(200);
        service.refresh(&user.refresh).await.expect(200);
    }

    async fn a_password_set_by_a_superuser_ends_the_sessions_of_the_user(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        patch(&service, &root, user.id, json!({"password": "a new password"})).await.expect(200);
        assert_over(&service, &user).await;
        service.login(&user.email, PASSWORD).await.expect_error(401, "invalid_credentials");
        service.login(&user.email, "a new password").await.expect(200);
        service.me(&root.access).await.expect(200);
    }

    async fn a_new_name_or_email_keeps_the_sessions(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let body = json!({"full_name": "Ada", "email": "moved@example.com", "is_verified": true});
        let changed = patch(&service, &root, user.id, body).await.expect(200).json();
        assert_eq!(service.me(&user.access).await.expect(200).json(), changed);
        service.refresh(&user.refresh).await.expect(200);
    }

    async fn changed_rights_apply_to_the_next_request_with_the_same_token(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        on(&service, &user, "GET", root.id, "").await.expect_error(403, "forbidden");
        patch(&service, &root, user.id, json!({"is_superuser": true})).await.expect(200);
        on(&service, &user, "GET", root.id, "").await.expect(200);
        patch(&service, &root, user.id, json!({"is_superuser": false})).await.expect(200);
        on(&service, &user, "GET", root.id, "").await.expect_error(403, "forbidden");
        service.me(&user.access).await.expect(200);
    }

    async fn tokens_of_a_deleted_user_are_refused_at_once(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let other = service.another_instance().await;
        let me = |access: &str| crate::support::Call::new(&other.url, "GET", "/api/v1/users/me").bearer(access).send();
        me(&user.access).await.expect(200);
        on(&service, &root, "DELETE", user.id, "").await.expect(204);
        assert_over(&service, &user).await;
        me(&user.access).await.expect_error(401, "invalid_token");
        other.stop().await;
    }
}
