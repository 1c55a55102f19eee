//! A forgotten password.

use serde_json::json;

use super::{NEW_PASSWORD, PASSWORD_CHANGED, RESET, VERIFY, events, forgot, reset, reset_token, verify};
use crate::support::client::PASSWORD;

on_both! {
    async fn a_forgotten_password_is_replaced_with_the_link_in_the_mail(service: Service) {
        let user = service.user().await;
        let token = reset_token(&service, &user.email).await;
        // Nothing has changed yet.
        service.login(&user.email, PASSWORD).await.expect(200);
        assert_eq!(reset(&service, &token, NEW_PASSWORD).await.expect(204).text, "");
        service.me(&user.access).await.expect_error(401, "invalid_token");
        service.refresh(&user.refresh).await.expect_error(401, "invalid_token");
        service.login(&user.email, PASSWORD).await.expect_error(401, "invalid_credentials");
        service.login(&user.email, NEW_PASSWORD).await.expect(200);
        let notice = service.mail(PASSWORD_CHANGED, &user.email, 1).await;
        assert!(!notice.text.contains("token="), "{}", notice.text);
        reset(&service, &token, PASSWORD).await.expect_error(400, "invalid_link");
        service.login(&user.email, NEW_PASSWORD).await.expect(200);
    }

    async fn a_reset_shows_that_the_mailbox_is_the_users(service: Service) {
        let user = service.user().await;
        let token = reset_token(&service, &user.email).await;
        reset(&service, &token, NEW_PASSWORD).await.expect(204);
        let tokens = service.login(&user.email, NEW_PASSWORD).await.expect(200).json();
        let me = service.me(tokens["access_token"].as_str().unwrap()).await.expect(200).json();
        assert_eq!(me["is_verified"], true);
        assert_eq!(events(&service, user.id).await, ["email_verified", "password_changed"]);
        // The link that was sent for the same purpose is of no use any more.
        let first = service.mail(VERIFY, &user.email, 1).await.token();
        verify(&service, &first).await.expect_error(400, "invalid_link");
    }

    async fn whoever_registered_somebody_elses_email_keeps_no_key_after_a_reset(service: Service) {
        let (_, key) = {
            let stranger = service.user().await;
            let made = service.api_key(&stranger, &["users:read"]).await;
            let token = reset_token(&service, &stranger.email).await;
            reset(&service, &token, NEW_PASSWORD).await.expect(204);
            made
        };
        service.me(&key).await.expect_error(401, "invalid_token");
    }

    async fn a_reset_of_a_verified_user_does_not_stop_its_services(service: Service) {
        let user = service.user().await;
        verify(&service, &service.mail(VERIFY, &user.email, 1).await.token()).await.expect(200);
        let (_, key) = service.api_key(&user, &["users:read"]).await;
        let token = reset_token(&service, &user.email).await;
        reset(&service, &token, NEW_PASSWORD).await.expect(204);
        service.me(&key).await.expect(200);
    }

    async fn a_password_that_is_refused_leaves_the_link_valid(service: Service) {
        service.register("ada.lovelace@example.com", PASSWORD).await.expect(201);
        let token = reset_token(&service, "ada.lovelace@example.com").await;
        for password in ["short", "password1", "ada.lovelace", "Ada.Lovelace@example.com"] {
            assert_eq!(reset(&service, &token, password).await.invalid_fields(), ["password"], "{password}");
        }
        reset(&service, &token, NEW_PASSWORD).await.expect(204);
    }

    async fn every_change_of_a_password_is_told_to_the_user(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let path = format!("/api/v1/users/{}", user.id);
        service.by(&root, "PATCH", &path).json(json!({"password": NEW_PASSWORD})).send().await.expect(200);
        service.mail(PASSWORD_CHANGED, &user.email, 1).await;
        let body = json!({"password": NEW_PASSWORD, "current_password": PASSWORD});
        service.by(&root, "PATCH", "/api/v1/users/me").json(body).send().await.expect(200);
        service.mail(PASSWORD_CHANGED, &root.email, 1).await;
    }

    async fn an_unknown_or_inactive_user_gets_no_link(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let path = format!("/api/v1/users/{}/deactivate", user.id);
        let token = reset_token(&service, &user.email).await;
        service.by(&root, "PATCH", &path).send().await.expect(200);
        reset(&service, &token, NEW_PASSWORD).await.expect_error(400, "invalid_link");
        forgot(&service, &user.email).await;
        forgot(&service, "nobody@example.com").await;
        service.settle().await;
        assert_eq!(service.mails(RESET, &user.email).len(), 1);
        assert!(service.mails(RESET, "nobody@example.com").is_empty());
    }
}
