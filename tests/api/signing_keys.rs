//! Changes of the key that signs tokens.

use serde_json::json;

use super::forged_tokens::parts;
use super::tokens::{bearer, refresh_at};
use crate::support::client::{PASSWORD, TestUser};
use crate::support::{Call, Instance, SECRET};

async fn tokens_of(instance: &Instance, user: &TestUser) -> (String, String) {
    let call = Call::new(&instance.url, "POST", "/api/v1/auth/login");
    let pair = call.json(json!({"email": user.email, "password": PASSWORD})).send().await.expect(200).json();
    let text = |name: &str| pair[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

on_both! {
    async fn a_key_rotation_in_three_steps_invalidates_no_token_on_any_instance(service: Service) {
        const NEW: &str = "the key that comes next and is long enough";
        let user = service.user().await;
        // docs/operations.md: known, used, alone.
        let steps: [&[(&str, &str)]; 4] = [
            &[],
            &[("JWT_PREVIOUS_SECRET_KEYS", NEW)],
            &[("JWT_SECRET_KEY", NEW), ("JWT_PREVIOUS_SECRET_KEYS", SECRET)],
            &[("JWT_SECRET_KEY", NEW)],
        ];
        let mut given: Option<(String, String)> = None;
        for pair in steps[..3].windows(2) {
            // While a step is rolled out, instances of before and after it run side by side.
            let [before, after] = [service.instance_with(pair[0]).await, service.instance_with(pair[1]).await];
            for (giver, other) in [(&before, &after), (&after, &before)] {
                let (access, refresh) = tokens_of(giver, &user).await;
                bearer(&other.url, &access).send().await.expect(200);
                refresh_at(other, &refresh).await.expect(200);
            }
            if let Some((access, _)) = &given {
                bearer(&after.url, access).send().await.expect(200);
            }
            given.get_or_insert(tokens_of(&before, &user).await);
        }
        // The first step's tokens have been good until now; the last step refuses them and keeps
        // the others.
        let (access, refresh) = given.unwrap();
        let second = service.instance_with(steps[2]).await;
        let (newer, _) = tokens_of(&second, &user).await;
        let alone = service.instance_with(steps[3]).await;
        bearer(&alone.url, &access).send().await.expect_error(401, "invalid_token");
        refresh_at(&alone, &refresh).await.expect_error(401, "invalid_token");
        bearer(&alone.url, &newer).send().await.expect(200);
    }

    async fn after_a_key_rotation_old_tokens_are_exchanged_for_new_ones(service: Service) {
        let (old, new) = ("the old key, which signed until yesterday", "the new key, which signs from today on");
        let (old, new) = (old.replace(',', ""), new.replace(',', ""));
        let user = service.user().await;
        let before = service.instance_with(&[("JWT_SECRET_KEY", &old)]).await;
        let (access, refresh) = tokens_of(&before, &user).await;

        let forgot = service.instance_with(&[("JWT_SECRET_KEY", &new)]).await;
        bearer(&forgot.url, &access).send().await.expect_error(401, "invalid_token");
        refresh_at(&forgot, &refresh).await.expect_error(401, "invalid_token");

        let settings = [("JWT_SECRET_KEY", new.as_str()), ("JWT_PREVIOUS_SECRET_KEYS", old.as_str())];
        let after = service.instance_with(&settings).await;
        bearer(&after.url, &access).send().await.expect(200);
        let next = refresh_at(&after, &refresh).await.expect(200).json();
        let kid = |token: &str| parts(token).header["kid"].clone();
        for name in ["access_token", "refresh_token"] {
            let token = next[name].as_str().unwrap();
            assert!(kid(token).is_string() && kid(token) != kid(&access), "{name}");
        }
        let next = next["access_token"].as_str().unwrap();
        bearer(&after.url, next).send().await.expect(200);
        bearer(&forgot.url, next).send().await.expect(200);
        bearer(&before.url, next).send().await.expect_error(401, "invalid_token");
    }
}
