//! The language of mails.

use serde_json::json;

use super::{ALREADY_REGISTERED, RESET, VERIFY, auth_call};
use crate::support::Call;
use crate::support::client::PASSWORD;

const GERMAN: &str = "de-AT,de;q=0.9,en;q=0.8";

on_both! {
    async fn a_mail_is_in_the_language_of_the_request_that_caused_it(service: Service) {
        let (ada, grace) = ("ada@example.com", "grace@example.com");
        let call = |operation: &str, email: &str| {
            auth_call(&service, operation, json!({"email": email, "password": PASSWORD}))
        };
        let german = |call: Call| call.header("accept-language", GERMAN);
        german(call("register", ada)).send().await.expect(201);
        let mail = service.mail(VERIFY, ada, 1).await;
        assert!(mail.text.contains("Content-Language: de") && mail.text.contains("Guten Tag"), "{}", mail.text);
        // The job of a sign-up passes it on.
        german(call("signup", grace)).send().await.expect(202);
        assert!(service.mail(VERIFY, grace, 1).await.text.contains("Content-Language: de"));
        german(call("signup", grace)).send().await.expect(202);
        assert!(service.mail(ALREADY_REGISTERED, grace, 1).await.text.contains("Content-Language: de"));
        // Of each request, not of the user.
        auth_call(&service, "forgot-password", json!({"email": ada})).send().await.expect(202);
        assert!(service.mail(RESET, ada, 1).await.text.contains("Content-Language: en"));
        let other = auth_call(&service, "forgot-password", json!({"email": ada}));
        other.header("accept-language", "fr, *;q=0.5").send().await.expect(202);
        assert!(service.mail(RESET, ada, 2).await.text.contains("Content-Language: en"));
    }
}
