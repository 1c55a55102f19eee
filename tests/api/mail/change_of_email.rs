//! A new email for the current user.

use serde_json::json;

use super::{CONFIRM, EMAIL_CHANGE, NEW_PASSWORD, change_email, confirm, events};
use crate::api::operations::session_of;
use crate::support::client::{PASSWORD, fresh_email};
use crate::support::postgres::eventually;
use crate::support::{Backend, Service};

on_both! {
    async fn a_new_email_is_the_users_once_its_link_is_used(service: Service) {
        let (user, new) = (service.user().await, fresh_email());
        assert_eq!(change_email(&service, &user, &new.to_uppercase(), PASSWORD).await.expect(202).text, "");
        let token = service.mail(CONFIRM, &new, 1).await.token();
        let notice = service.mail(EMAIL_CHANGE, &user.email, 1).await;
        assert!(notice.text.contains(&new) && !notice.text.contains("token="), "{}", notice.text);
        assert_eq!(service.me(&user.access).await.json()["email"], user.email.as_str());

        let changed = confirm(&service, &token).await.expect(200).json();
        assert_eq!((&changed["email"], &changed["is_verified"]), (&json!(new), &json!(true)));
        assert_eq!(service.me(&user.access).await.expect(200).json(), changed);
        service.login(&new, PASSWORD).await.expect(200);
        service.login(&user.email, PASSWORD).await.expect_error(401, "invalid_credentials");
        let kinds = ["email_change_requested", "email_changed", "email_verified"];
        assert_eq!(events(&service, user.id).await, kinds);
        confirm(&service, &token).await.expect_error(400, "invalid_link");
    }

    async fn ending_sessions_cancels_a_change_that_is_not_confirmed(service: Service) {
        for way in ["one session", "all others"] {
            let thief = service.user().await;
            let owner = service.log_in_again(&thief.email, thief.id).await;
            let new = fresh_email();
            change_email(&service, &thief, &new, PASSWORD).await.expect(202);
            let token = service.mail(CONFIRM, &new, 1).await.token();
            let (method, path) = match way {
                "one session" => ("DELETE", format!("/api/v1/auth/sessions/{}", session_of(&thief))),
                _ => ("POST", "/api/v1/auth/logout-all".to_owned()),
            };
            service.by(&owner, method, &path).send().await.expect(204);
            confirm(&service, &token).await.expect_error(400, "invalid_link");
        }
    }

    async fn a_new_email_needs_the_current_password(service: Service) {
        let (user, new) = (service.user().await, fresh_email());
        let before = service.stored().await;
        let refused = change_email(&service, &user, &new, "not the password").await;
        assert_eq!(refused.invalid_fields(), ["current_password"]);
        assert_eq!(change_email(&service, &user, "ada", PASSWORD).await.invalid_fields(), ["email"]);
        assert_eq!(service.stored().await, before);
        assert!(service.mails(CONFIRM, &new).is_empty());
    }

    async fn an_email_of_another_user_gets_the_same_answer_and_no_mail(service: Service) {
        let (user, other) = (service.user().await, service.user().await);
        change_email(&service, &user, &other.email, PASSWORD).await.expect(202);
        service.mail(EMAIL_CHANGE, &user.email, 1).await;
        service.settle().await;
        assert!(service.mails(CONFIRM, &other.email).is_empty());
    }

    async fn an_email_that_got_a_user_meanwhile_is_not_taken_away(service: Service) {
        let (user, new) = (service.user().await, fresh_email());
        change_email(&service, &user, &new, PASSWORD).await.expect(202);
        let token = service.mail(CONFIRM, &new, 1).await.token();
        service.register(&new, PASSWORD).await.expect(201);
        let before = service.stored().await;
        confirm(&service, &token).await.expect_error(409, "email_taken");
        assert_eq!(service.stored().await, before);
    }
}

/// Somebody who has got hold of the password asks for a link to an address of theirs, and the owner
/// changes the password before the link is sent.
async fn a_change_is_cancelled_before_its_link_is_sent(backend: Backend) {
    let service = Service::start_with(backend, &[("JOB_WORKERS", "0")]).await;
    let (user, new) = (service.user().await, fresh_email());
    change_email(&service, &user, &new, PASSWORD).await.expect(202);
    let password = json!({"password": NEW_PASSWORD, "current_password": PASSWORD});
    service.by(&user, "PATCH", "/api/v1/users/me").json(password).send().await.expect(200);
    let _worker = service.instance_with(&[("JOB_WORKERS", "2")]).await;
    let waiting = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM jobs WHERE status <> 'done'";
    eventually("all jobs are done", async || {
        (service.database.sql(waiting).await.as_deref() == Some("0")).then_some(())
    })
    .await;
    assert_eq!(service.mails(EMAIL_CHANGE, &user.email).len(), 1);
    assert!(service.mails(CONFIRM, &new).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_cancels_a_change_whose_link_was_not_sent_yet_on_sqlite() {
    a_change_is_cancelled_before_its_link_is_sent(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_cancels_a_change_whose_link_was_not_sent_yet_on_postgresql() {
    a_change_is_cancelled_before_its_link_is_sent(Backend::Postgres).await;
}
