//! When the token of a link is valid.

use std::time::Duration;

use groundwork::services::store::Store;
use groundwork_auth::ValueSigner;
use groundwork_database::Database;
use groundwork_jobs::{Queue, Wakeups};
use serde_json::json;

use super::{
    CONFIRM, NEW_PASSWORD, RESET, VERIFY, change_email, confirm, forgot, reset, reset_token, verify,
};
use crate::support::client::{PASSWORD, TestUser, fresh_email};
use crate::support::{Call, Service};

/// A user with one valid link of each purpose.
struct Linked {
    user: TestUser,
    verify: String,
    reset: String,
    confirm: String,
}

impl Linked {
    async fn create(service: &Service) -> Self {
        let (user, new) = (service.user().await, fresh_email());
        let verify = service.mail(VERIFY, &user.email, 1).await.token();
        let reset = reset_token(service, &user.email).await;
        change_email(service, &user, &new, PASSWORD).await.expect(202);
        let confirm = service.mail(CONFIRM, &new, 1).await.token();
        Self { user, verify, reset, confirm }
    }

    async fn assert_void(&self, service: &Service, after: &str) {
        // The daily job may delete expired tokens meanwhile.
        let stored = async || {
            let rows = service.stored().await.into_iter();
            rows.filter(|row| !row.starts_with("one_time_tokens:")).collect::<Vec<_>>()
        };
        let before = stored().await;
        for answer in [
            verify(service, &self.verify).await,
            reset(service, &self.reset, "yet another battery").await,
            confirm(service, &self.confirm).await,
        ] {
            assert_eq!(answer.expect_error(400, "invalid_link")["success"], false, "{after}");
        }
        assert_eq!(stored().await, before, "{after}");
    }
}

on_both! {
    async fn of_sixteen_concurrent_uses_of_a_token_one_succeeds(service: Service) {
        let linked = Linked::create(&service).await;
        let other = service.another_instance().await;
        for (operation, body, success) in [
            ("verify-email", json!({"token": linked.verify}), 200),
            ("confirm-email", json!({"token": linked.confirm}), 200),
            // The change of email has voided it.
            ("reset-password", json!({"token": linked.reset, "password": NEW_PASSWORD}), 400),
        ] {
            let racers = (0..16).map(|n| {
                let base = if n % 2 == 0 { &service.instance.url } else { &other.url };
                Call::new(base, "POST", &format!("/api/v1/auth/{operation}")).json(body.clone()).send()
            });
            let answers = futures_util::future::join_all(racers).await;
            let winners = answers.iter().filter(|answer| answer.status.is_success()).count();
            let losers = answers.iter().filter(|answer| answer.status == 400).count();
            let expected = if success == 200 { (1, 15) } else { (0, 16) };
            assert_eq!((winners, losers), expected, "{operation}: {answers:?}");
        }
        let user = service.user().await;
        let token = reset_token(&service, &user.email).await;
        let racers = (0..16).map(|n| {
            let password = format!("{NEW_PASSWORD} {n}");
            let body = json!({"token": token, "password": password});
            let base = if n % 2 == 0 { &service.instance.url } else { &other.url };
            let call = Call::new(base, "POST", "/api/v1/auth/reset-password").json(body).send();
            async move { (call.await.status.as_u16(), password) }
        });
        let answers = futures_util::future::join_all(racers).await;
        let won: Vec<_> = answers.iter().filter(|(status, _)| *status == 204).collect();
        let [(_, password)] = &*won else { panic!("{answers:?}") };
        service.login(&user.email, password).await.expect(200);
        other.stop().await;
    }

    async fn a_token_is_valid_for_its_purpose_alone(service: Service) {
        let linked = Linked::create(&service).await;
        verify(&service, &linked.reset).await.expect_error(400, "invalid_link");
        verify(&service, &linked.confirm).await.expect_error(400, "invalid_link");
        confirm(&service, &linked.verify).await.expect_error(400, "invalid_link");
        confirm(&service, &linked.reset).await.expect_error(400, "invalid_link");
        reset(&service, &linked.verify, NEW_PASSWORD).await.expect_error(400, "invalid_link");
        reset(&service, &linked.confirm, NEW_PASSWORD).await.expect_error(400, "invalid_link");
        for text in ["x", "AAAA", &"A".repeat(43), &"A".repeat(4096), "' OR 1=1 --", "\u{1f511}"] {
            verify(&service, text).await.expect_error(400, "invalid_link");
            reset(&service, text, NEW_PASSWORD).await.expect_error(400, "invalid_link");
        }
        // They are as good as before.
        verify(&service, &linked.verify).await.expect(200);
        confirm(&service, &linked.confirm).await.expect(200);
    }

    async fn a_newer_token_replaces_the_older_one(service: Service) {
        let user = service.user().await;
        let older = reset_token(&service, &user.email).await;
        forgot(&service, &user.email).await;
        let newer = service.mail(RESET, &user.email, 2).await.token();
        reset(&service, &older, NEW_PASSWORD).await.expect_error(400, "invalid_link");
        reset(&service, &newer, NEW_PASSWORD).await.expect(204);
    }

    async fn a_token_expires(service: Service) {
        let linked = Linked::create(&service).await;
        service.clock.advance(Duration::from_secs(30 * 60 - 5));
        let late = service.user().await;
        let late_token = reset_token(&service, &late.email).await;
        service.clock.advance(Duration::from_secs(10));
        reset(&service, &linked.reset, NEW_PASSWORD).await.expect_error(400, "invalid_link");
        reset(&service, &late_token, NEW_PASSWORD).await.expect(204);
        service.clock.advance(Duration::from_secs(24 * 60 * 60 - 30 * 60 - 30));
        let verified = Linked { verify: linked.verify.clone(), ..linked };
        service.clock.advance(Duration::from_mins(1));
        verified.assert_void(&service, "24 hours").await;
    }

    async fn a_change_of_the_password_or_the_email_voids_all_links(service: Service) {
        let root = service.superuser().await;
        let own = json!({"password": NEW_PASSWORD, "current_password": PASSWORD});
        for (change, by_root) in [
            (own, false),
            (json!({"password": NEW_PASSWORD}), true),
            (json!({"email": fresh_email()}), true),
        ] {
            let linked = Linked::create(&service).await;
            let path = format!("/api/v1/users/{}", linked.user.id);
            let call = if by_root {
                service.by(&root, "PATCH", &path)
            } else {
                service.by(&linked.user, "PATCH", "/api/v1/users/me")
            };
            call.json(change.clone()).send().await.expect(200);
            linked.assert_void(&service, &change.to_string()).await;
        }
        let linked = Linked::create(&service).await;
        for change in ["deactivate", "activate"] {
            let path = format!("/api/v1/users/{}/{change}", linked.user.id);
            service.by(&root, "PATCH", &path).send().await.expect(200);
        }
        linked.assert_void(&service, "deactivation").await;
        let linked = Linked::create(&service).await;
        reset(&service, &linked.reset, NEW_PASSWORD).await.expect(204);
        linked.assert_void(&service, "a reset").await;
        let linked = Linked::create(&service).await;
        confirm(&service, &linked.confirm).await.expect(200);
        linked.assert_void(&service, "a new email").await;
    }

    async fn expired_tokens_are_deleted_with_everything_that_has_expired(service: Service) {
        let linked = Linked::create(&service).await;
        let count = async || service.database.sql("SELECT CAST(COUNT(*) AS TEXT) AS value FROM one_time_tokens").await;
        let database = Database::new(&(&service.settings()).into()).unwrap();
        let queue = Queue::new(Wakeups::new(None, &database));
        let store = Store::new(database, service.clock.clone(), queue, ValueSigner::new("groundwork", []));
        store.delete_expired(None).await.unwrap();
        assert_eq!(count().await.as_deref(), Some("3"));
        service.clock.advance(Duration::from_hours(1));
        store.delete_expired(None).await.unwrap();
        assert_eq!(count().await.as_deref(), Some("2"), "a reset is valid for half an hour");
        service.clock.advance(Duration::from_hours(24));
        store.delete_expired(None).await.unwrap();
        assert_eq!(count().await.as_deref(), Some("0"));
        linked.assert_void(&service, "a day").await;
    }
}
