//! Verification of an email.

use serde_json::json;

use super::{RESEND, RESET, VERIFY, auth_call, events, forgot, verify};
use crate::support::client::{PASSWORD, fresh_email};
use crate::support::{Call, Service};

async fn resend(service: &Service, email: &str) {
    auth_call(service, "resend-verification", json!({"email": email})).send().await.expect(202);
}

on_both! {
    async fn a_new_user_verifies_its_email_with_the_link_in_the_mail(service: Service) {
        let user = service.user().await;
        let mail = service.mail(VERIFY, &user.email, 1).await;
        assert!(mail.text.contains("http://localhost:8000/verify-email?token="), "{}", mail.text);
        assert_eq!(service.me(&user.access).await.json()["is_verified"], false);
        let verified = verify(&service, &mail.token()).await.expect(200).json();
        assert_eq!((&verified["id"], &verified["is_verified"]), (&json!(user.id), &json!(true)));
        // Not the user from the cache.
        assert_eq!(service.me(&user.access).await.json(), verified);
        assert_eq!(events(&service, user.id).await, ["email_verified"]);
        verify(&service, &mail.token()).await.expect_error(400, "invalid_link");
    }

    async fn a_lost_verification_mail_can_be_sent_again_until_the_email_is_verified(service: Service) {
        let user = service.user().await;
        let first = service.mail(VERIFY, &user.email, 1).await.token();
        resend(&service, &user.email.to_uppercase()).await;
        let second = service.mail(RESEND, &user.email, 1).await.token();
        verify(&service, &first).await.expect_error(400, "invalid_link");
        verify(&service, &second).await.expect(200);
        resend(&service, &user.email).await;
        resend(&service, "nobody@example.com").await;
        service.settle().await;
        assert_eq!(service.mails(RESEND, &user.email).len(), 1);
        assert!(service.mails(RESEND, "nobody@example.com").is_empty());
    }

    async fn where_it_is_required_a_user_verifies_its_email_before_it_logs_in(service: Service) {
        let strict = service.instance_with(&[("REQUIRE_VERIFIED_EMAIL", "true")]).await;
        let log_in = async |password: &str| {
            let body = json!({"email": "ada@example.com", "password": password});
            Call::new(&strict.url, "POST", "/api/v1/auth/login").json(body).send().await
        };
        service.register("ada@example.com", PASSWORD).await.expect(201);
        let token = service.mail(VERIFY, "ada@example.com", 1).await.token();
        log_in(PASSWORD).await.expect_error(403, "email_not_verified");
        // Only who knows the password learns that there is a user.
        log_in("not the password").await.expect_error(401, "invalid_credentials");
        verify(&service, &token).await.expect(200);
        log_in(PASSWORD).await.expect(200);
        strict.stop().await;
    }

    async fn strangers_cannot_have_more_than_three_mails_a_minute_sent_to_an_address(service: Service) {
        let user = service.user().await;
        for _ in 0..5 {
            forgot(&service, &user.email).await;
        }
        service.settle().await;
        assert_eq!(service.mails(RESET, &user.email).len(), 3);
        // The last link that was sent is valid, and the owner gets another one a minute later.
        service.clock.advance(std::time::Duration::from_secs(61));
        forgot(&service, &user.email).await;
        service.mail(RESET, &user.email, 4).await;
        let other = fresh_email();
        service.register(&other, PASSWORD).await.expect(201);
        forgot(&service, &other).await;
        service.mail(RESET, &other, 1).await;
    }
}
