//! Sign-up that does not tell who has a user, and registration that is hidden or closed.

use serde_json::{Value, json};

use super::{ALREADY_REGISTERED, VERIFY, auth_call, verify};
use crate::support::client::PASSWORD;
use crate::support::{Backend, Call, Service};

fn new_user(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password, "full_name": "Ada"})
}

on_both! {
    async fn a_sign_up_creates_a_user_or_tells_its_owner_by_mail(service: Service) {
        let sign_up = async |password: &str| {
            let call = auth_call(&service, "signup", new_user(" Ada@Example.com ", password));
            assert_eq!(call.send().await.expect(202).text, "");
        };
        sign_up(PASSWORD).await;
        let token = service.mail(VERIFY, "ada@example.com", 1).await.token();
        let user = verify(&service, &token).await.expect(200).json();
        assert_eq!((&user["full_name"], &user["is_superuser"]), (&json!("Ada"), &json!(false)));

        sign_up("another horse battery").await;
        let mail = service.mail(ALREADY_REGISTERED, "ada@example.com", 1).await;
        assert!(!mail.text.contains("token="), "{}", mail.text);
        // The user is as it was.
        service.login("ada@example.com", PASSWORD).await.expect(200);
        service.login("ada@example.com", "another horse battery").await.expect_error(401, "invalid_credentials");
    }

    async fn a_sign_up_refuses_what_a_registration_refuses(service: Service) {
        let refused = auth_call(&service, "signup", json!({"email": "ada", "password": "short", "is_superuser": true}));
        let mut fields = refused.send().await.invalid_fields();
        fields.sort();
        assert_eq!(fields, ["email", "is_superuser", "password"]);
        let own = auth_call(&service, "signup", new_user("ada.lovelace@example.com", "ada.lovelace"));
        assert_eq!(own.send().await.invalid_fields(), ["password"]);
        assert!(service.stored().await.is_empty());
    }

    async fn what_the_setting_of_registration_turns_off_is_refused(service: Service) {
        for (setting, register, sign_up) in
            [("open", 201, 202), ("hidden", 403, 202), ("closed", 403, 403)]
        {
            let instance = service.instance_with(&[("REGISTRATION", setting)]).await;
            for (operation, status) in [("register", register), ("signup", sign_up)] {
                let path = format!("/api/v1/auth/{operation}");
                let body = new_user(&format!("{setting}-{operation}@example.com"), PASSWORD);
                let answer = Call::new(&instance.url, "POST", &path).json(body).send().await;
                if status == 403 {
                    answer.expect_error(403, "registration_closed");
                } else {
                    answer.expect(status);
                }
            }
            instance.stop().await;
        }
        service.settle().await;
        let mut users = service.database.rows("SELECT email AS value FROM users").await;
        users.sort();
        let expected = ["hidden-signup", "open-register", "open-signup"];
        assert_eq!(users, expected.map(|name| Some(format!("{name}@example.com"))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_service_without_a_mail_server_says_so_where_mail_is_needed() {
    let deployed = [("APP_ENV", "production"), ("BCRYPT_ROUNDS", "10"), ("JWT_SECRET_KEY", RANDOM_KEY)];
    let service = Service::start_with(Backend::Sqlite, &deployed).await;
    let user = service.user().await;
    for operation in ["forgot-password", "resend-verification"] {
        let call = auth_call(&service, operation, json!({"email": user.email}));
        call.send().await.expect_error(503, "service_unavailable");
    }
    let call = auth_call(&service, "signup", new_user("ada@example.com", PASSWORD));
    call.send().await.expect_error(503, "service_unavailable");
    let change = super::change_email(&service, &user, "ada@example.com", PASSWORD).await;
    change.expect_error(503, "service_unavailable");
    // Everything else works, and nothing waits for a mail that is never sent.
    let body = json!({"password": "another horse battery", "current_password": PASSWORD});
    service.by(&user, "PATCH", "/api/v1/users/me").json(body).send().await.expect(200);
    let mails = "SELECT kind AS value FROM jobs WHERE period_at IS NULL";
    assert_eq!(service.database.rows(mails).await, []);
}

/// Production accepts no key that reads like a placeholder.
const RANDOM_KEY: &str = "hunter2-Zq8v1LxT0cWm5RjYb3KdN9sE";
