//! What a token is valid for, how it is sent, and what ends it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::forged_tokens::assert_refused;
use crate::support::client::{Answer, PASSWORD};
use crate::support::{Call, Instance};

pub fn bearer(base: &str, token: &str) -> Call {
    Call::new(base, "GET", "/api/v1/users/me").bearer(token)
}

pub async fn refresh_at(instance: &Instance, token: &str) -> Answer {
    Call::new(&instance.url, "POST", "/api/v1/auth/refresh")
        .json(json!({"refresh_token": token}))
        .send()
        .await
}

on_both! {
    async fn a_token_is_valid_only_for_its_own_purpose(service: Service) {
        let user = service.user().await;
        service.me(&user.refresh).await.expect_error(401, "invalid_token");
        service.refresh(&user.access).await.expect_error(401, "invalid_token");
        service.refresh(&user.refresh).await.expect(200);
    }

    async fn only_the_bearer_scheme_is_accepted_and_in_any_case(service: Service) {
        let user = service.user().await;
        let token = &user.access;
        for (value, code) in [
            (format!("Bearer {token}"), None),
            (format!("bearer {token}"), None),
            (format!("BEARER {token}"), None),
            (format!("Bearer   {token}"), None),
            (String::new(), Some("unauthorized")),
            (token.clone(), Some("unauthorized")),
            (format!("Basic {}", STANDARD.encode("a:b")), Some("unauthorized")),
            (format!("Token {token}"), Some("unauthorized")),
            (format!("Bearer\t{token}"), Some("unauthorized")),
            (format!("Bearer:{token}"), Some("unauthorized")),
            (format!("Basic {token}, Bearer {token}"), Some("unauthorized")),
            ("Bearer".to_owned(), Some("invalid_token")),
            (format!("Bearer {token} {token}"), Some("invalid_token")),
            (format!("Bearer {token}, Bearer {token}"), Some("invalid_token")),
            (format!("Bearer \"{token}\""), Some("invalid_token")),
            ("Bearer ☃".to_owned(), Some("invalid_token")),
        ] {
            let call = service.call("GET", "/api/v1/users/me").header("authorization", &value);
            let answer = call.send().await;
            match code {
                None => assert_eq!(answer.status, 200, "{value}: {answer:?}"),
                Some(code) => {
                    assert_eq!(answer.json()["error"], code, "{value}: {answer:?}");
                    answer.expect_error(401, code);
                }
            }
        }
        service.call("GET", "/api/v1/users/me").send().await.expect_error(401, "unauthorized");
    }

    async fn a_request_with_two_authorization_headers_is_refused(service: Service) {
        let (one, two) = (service.user().await, service.user().await);
        for (first, second) in [(&one.access, &two.access), (&one.access, &one.access)] {
            let answer = bearer(&service.instance.url, first).bearer(second).send().await;
            answer.expect_error(401, "invalid_token");
        }
        let bad_first = bearer(&service.instance.url, "bad").bearer(&one.access).send().await;
        bad_first.expect_error(401, "invalid_token");
    }

    async fn every_way_to_end_sessions_ends_them_at_once_on_every_instance(service: Service) {
        let admin = service.superuser().await;
        let other = service.another_instance().await;
        let own_password = json!({"password": "another horse battery", "current_password": PASSWORD});
        let new_password = json!({"password": "another horse battery"});
        for (what, own, method, path, body) in [
            ("log-out", true, "POST", "/api/v1/auth/logout", None),
            ("own new password", true, "PATCH", "/api/v1/users/me", Some(own_password)),
            ("own removal", true, "DELETE", "/api/v1/users/me", None),
            ("new password", false, "PATCH", "/api/v1/users/{id}", Some(new_password)),
            ("deactivation", false, "PATCH", "/api/v1/users/{id}/deactivate", None),
            ("deactivation as a change", false, "PATCH", "/api/v1/users/{id}", Some(json!({"is_active": false}))),
            ("removal", false, "DELETE", "/api/v1/users/{id}", None),
        ] {
            let user = service.user().await;
            let phone = service.log_in_again(&user.email, user.id).await;
            let actor = if own { &user } else { &admin };
            let call = service.call(method, &path.replace("{id}", &user.id.to_string())).bearer(&actor.access);
            let answer = body.into_iter().fold(call, Call::json).send().await;
            assert!(answer.status.is_success(), "{what}: {answer:?}");

            assert_refused(what, service.me(&user.access).await);
            assert_refused(what, bearer(&other.url, &user.access).send().await);
            assert_refused(what, refresh_at(&other, &user.refresh).await);
            assert_refused(what, service.refresh(&user.refresh).await);
            // Only a logout leaves the other sessions alone.
            let elsewhere = bearer(&other.url, &phone.access).send().await;
            let expected = if what == "log-out" { 200 } else { 401 };
            assert_eq!(elsewhere.status, expected, "{what}: {elsewhere:?}");
        }
    }

    async fn a_reactivated_user_does_not_get_old_sessions_back(service: Service) {
        let (admin, user) = (service.superuser().await, service.user().await);
        for verb in ["deactivate", "activate"] {
            let path = format!("/api/v1/users/{}/{verb}", user.id);
            service.call("PATCH", &path).bearer(&admin.access).send().await.expect(200);
        }
        service.me(&user.access).await.expect_error(401, "invalid_token");
        service.refresh(&user.refresh).await.expect_error(401, "invalid_token");
        service.login(&user.email, PASSWORD).await.expect(200);
    }

    async fn a_demoted_superuser_loses_the_rights_at_once_and_stays_logged_in(service: Service) {
        let (admin, demoted) = (service.superuser().await, service.superuser().await);
        service.call("GET", "/api/v1/users").bearer(&demoted.access).send().await.expect(200);
        let path = format!("/api/v1/users/{}", demoted.id);
        let change = service.call("PATCH", &path).bearer(&admin.access).json(json!({"is_superuser": false}));
        change.send().await.expect(200);
        for (method, path) in [("GET", "/api/v1/users"), ("GET", path.as_str()), ("DELETE", path.as_str())] {
            service.call(method, path).bearer(&demoted.access).send().await.expect_error(403, "forbidden");
        }
        assert_eq!(service.me(&demoted.access).await.expect(200).json()["is_superuser"], false);
    }
}
