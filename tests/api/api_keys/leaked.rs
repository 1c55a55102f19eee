//! What somebody can do with a key that leaked, and what not. The worst case: it has every scope, and
//! its user is a superuser.

use serde_json::{Value, json};

use super::API_KEYS;
use crate::api::operations::scopes;
use crate::support::client::{PASSWORD, fresh_email};

on_both! {
    async fn a_leaked_key_changes_no_credentials_of_its_user_and_makes_no_keys(service: Service) {
        let root = service.superuser().await;
        let (_, key) = service.api_key(&root, &scopes()).await;
        // The attacker even knows the password.
        let password = json!({"password": "another horse battery", "current_password": PASSWORD});
        let email = json!({"email": fresh_email(), "current_password": PASSWORD});
        service.me(&key).await.expect(200);
        let before = service.stored().await;
        for (method, path, body) in [
            ("PATCH", "/api/v1/users/me", password),
            ("POST", "/api/v1/users/me/email", email),
            ("POST", API_KEYS, json!({"name": "Mine", "scopes": ["users:read"]})),
            ("GET", API_KEYS, Value::Null),
            ("GET", "/api/v1/auth/me", Value::Null),
            ("POST", "/api/v1/auth/logout", Value::Null),
            ("DELETE", "/api/v1/users/me", Value::Null),
            ("DELETE", &format!("/api/v1/users/{}", root.id), Value::Null),
        ] {
            let call = service.call(method, path).bearer(&key);
            let call = if body.is_null() { call } else { call.json(body) };
            call.send().await.expect_error(403, "insufficient_scope");
        }
        let mut after = service.stored().await;
        // Only that it was used, and may have written.
        after.retain(|row| !row.starts_with("api_keys"));
        assert_eq!(after, before.into_iter().filter(|row| !row.starts_with("api_keys")).collect::<Vec<_>>());
        service.login(&root.email, PASSWORD).await.expect(200);
    }

    async fn a_leaked_key_opens_no_way_to_log_in_as_another_user(service: Service) {
        let root = service.superuser().await;
        let victim = service.user().await;
        let (_, key) = service.api_key(&root, &scopes()).await;
        let path = format!("/api/v1/users/{}", victim.id);
        for body in [
            json!({"password": "another horse battery"}),
            json!({"email": fresh_email()}),
            json!({"role": "superuser"}),
            json!({"role": "support"}),
            json!({"is_superuser": true}),
            json!({"full_name": "Ada", "is_superuser": false}),
        ] {
            let call = service.call("PATCH", &path).bearer(&key).json(body);
            call.send().await.expect_error(403, "insufficient_scope");
        }
        for rights in [json!({"is_superuser": true}), json!({"role": "superuser"}), json!({"role": "support"})] {
            let mut body = json!({"email": fresh_email(), "password": PASSWORD});
            body.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
            let call = service.call("POST", "/api/v1/users").bearer(&key).json(body);
            call.send().await.expect_error(403, "insufficient_scope");
        }
        service.login(&victim.email, PASSWORD).await.expect(200);
        assert_eq!(service.me(&victim.access).await.expect(200).json()["role"], "user");
    }

    async fn a_leaked_key_can_do_what_its_scopes_say(service: Service) {
        let (root, other) = (service.superuser().await, service.user().await);
        let (_, key) = service.api_key(&root, &["users:read", "users:write"]).await;
        let path = format!("/api/v1/users/{}", other.id);
        service.call("GET", &path).bearer(&key).send().await.expect(200);
        let name = json!({"full_name": "Renamed"});
        service.call("PATCH", &path).bearer(&key).json(name).send().await.expect(200);
        let new = json!({"email": fresh_email(), "password": PASSWORD});
        service.call("POST", "/api/v1/users").bearer(&key).json(new).send().await.expect(201);
        service.call("DELETE", &path).bearer(&key).send().await.expect(204);
        service.call("GET", "/api/v1/webhooks").bearer(&key).send().await.expect_error(403, "insufficient_scope");
    }

    /// Who changes the password because it leaked need not renew every service. Keys are listed, and
    /// deleted one by one.
    async fn a_new_password_leaves_keys_as_they_are(service: Service) {
        let user = service.user().await;
        let (_, key) = service.api_key(&user, &["users:read"]).await;
        let change = json!({"password": "another horse battery", "current_password": PASSWORD});
        service.by(&user, "PATCH", "/api/v1/users/me").json(change).send().await.expect(200);
        service.me(&user.access).await.expect_error(401, "invalid_token");
        service.me(&key).await.expect(200);
    }
}
