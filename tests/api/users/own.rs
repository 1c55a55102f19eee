//! What people do to their own user.

use serde_json::{Value, json};

use super::{events, patch_me};
use crate::support::client::{PASSWORD, fresh_email};

const NEW_PASSWORD: &str = "another horse, another battery";

on_both! {
    async fn a_name_is_set_and_stored(service: Service) {
        let user = service.user().await;
        let named = patch_me(&service, &user, json!({"full_name": "Ada Lovelace"})).await.expect(200).json();
        assert_eq!(named["full_name"], "Ada Lovelace");
        assert_eq!(service.me(&user.access).await.expect(200).json(), named);

        let kept = patch_me(&service, &user, json!({})).await.expect(200).json();
        assert_eq!(kept["full_name"], "Ada Lovelace");
    }

    async fn null_clears_a_name(service: Service) {
        let user = service.user().await;
        patch_me(&service, &user, json!({"full_name": "Ada"})).await.expect(200);
        let cleared = patch_me(&service, &user, json!({"full_name": null})).await.expect(200).json();
        assert_eq!(cleared["full_name"], Value::Null);
        assert_eq!(service.me(&user.access).await.expect(200).json(), cleared);
    }

    async fn an_empty_body_changes_nothing(service: Service) {
        let user = service.user().await;
        let mut before = service.me(&user.access).await.expect(200).json();
        let mut after = patch_me(&service, &user, json!({})).await.expect(200).json();
        before["updated_at"].take();
        after["updated_at"].take();
        assert_eq!(after, before);
        service.refresh(&user.refresh).await.expect(200);
    }

    async fn an_unknown_field_is_ignored(service: Service) {
        let user = service.user().await;
        let body = json!({"full_name": "Ada", "favourite_colour": "green"});
        let changed = patch_me(&service, &user, body).await.expect(200).json();
        assert_eq!(changed["full_name"], "Ada");
    }

    async fn invalid_names_are_refused(service: Service) {
        let user = service.user().await;
        let before = service.stored().await;
        for name in [json!(""), json!("   "), json!("a\u{7}b"), json!("a\0b"), json!("x".repeat(256)), json!(7)] {
            let fields = patch_me(&service, &user, json!({"full_name": name})).await.invalid_fields();
            assert!(!fields.is_empty() && fields.iter().all(|field| field == "full_name"), "{name}: {fields:?}");
        }
        assert_eq!(service.stored().await, before);
    }

    async fn a_new_password_needs_the_current_one(service: Service) {
        let user = service.user().await;
        let before = service.stored().await;
        let without = json!({"password": NEW_PASSWORD, "full_name": "Ada"});
        assert_eq!(patch_me(&service, &user, without).await.invalid_fields(), ["current_password"]);
        let wrong = json!({"password": NEW_PASSWORD, "current_password": "a guess", "full_name": "Ada"});
        assert_eq!(patch_me(&service, &user, wrong).await.invalid_fields(), ["current_password"]);
        let short = json!({"password": "short", "current_password": PASSWORD, "full_name": "Ada"});
        assert_eq!(patch_me(&service, &user, short).await.invalid_fields(), ["password"]);
        assert_eq!(service.stored().await, before);
    }

    async fn a_new_password_ends_every_session_at_once_and_replaces_the_old_one(service: Service) {
        let (user, neighbour) = (service.user().await, service.user().await);
        let phone = service.log_in_again(&user.email, user.id).await;
        let body = json!({"password": NEW_PASSWORD, "current_password": PASSWORD, "full_name": "Ada"});
        let changed = patch_me(&service, &user, body).await.expect(200).json();
        assert_eq!(changed["full_name"], "Ada");

        for session in [&user, &phone] {
            service.me(&session.access).await.expect_error(401, "invalid_token");
            service.refresh(&session.refresh).await.expect_error(401, "invalid_token");
        }
        service.login(&user.email, PASSWORD).await.expect_error(401, "invalid_credentials");
        service.login(&user.email, NEW_PASSWORD).await.expect(200);
        service.me(&neighbour.access).await.expect(200);
        let kinds = ["password_changed", "full_name_changed"];
        assert_eq!(events(&service, user.id).await, kinds.map(|kind| format!("{kind} by {}", user.id)));
    }

    async fn of_two_concurrent_password_changes_one_succeeds(service: Service) {
        let user = service.user().await;
        let change = |new: &str| {
            patch_me(&service, &user, json!({"password": new, "current_password": PASSWORD}))
        };
        let (first, second) = tokio::join!(change("the first new one"), change("the second new one"));
        let won = [&first, &second].iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1, "{first:?} {second:?}");
        let winner = if first.status == 200 { "the first new one" } else { "the second new one" };
        service.login(&user.email, winner).await.expect(200);
        assert_eq!(events(&service, user.id).await.len(), 1);
    }

    async fn privileged_fields_are_refused_by_name_and_change_nothing(service: Service) {
        let user = service.user().await;
        let before = service.stored().await;
        let privileges =
            [("id", json!(1)), ("is_superuser", json!(true)), ("is_active", json!(true)),
             ("is_verified", json!(true)), ("role", json!("admin"))];
        for (field, value) in &privileges {
            let changes = json!({"full_name": "Ada", *field: value});
            assert_eq!(patch_me(&service, &user, changes).await.invalid_fields(), [*field]);
            let body = json!({"email": fresh_email(), "password": PASSWORD, *field: value});
            let register = service.call("POST", "/api/v1/auth/register").json(body);
            assert_eq!(register.send().await.invalid_fields(), [*field]);
        }
        let all: serde_json::Map<_, _> =
            privileges.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect();
        let mut named = patch_me(&service, &user, Value::Object(all)).await.invalid_fields();
        named.sort();
        assert_eq!(named, ["id", "is_active", "is_superuser", "is_verified", "role"]);
        assert_eq!(service.stored().await, before);
    }

    async fn of_two_concurrent_deletions_the_second_is_refused(service: Service) {
        for _ in 0..5 {
            let user = service.user().await;
            let leave = || service.by(&user, "DELETE", "/api/v1/users/me").send();
            let (one, other) = tokio::join!(leave(), leave());
            let mut statuses = [one.status.as_u16(), other.status.as_u16()];
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 401]);
        }
    }

    async fn a_deleted_user_is_gone_and_the_email_can_be_registered_again(service: Service) {
        let user = service.user().await;
        let answer = service.by(&user, "DELETE", "/api/v1/users/me").send().await.expect(204);
        assert_eq!(answer.text, "");
        service.me(&user.access).await.expect_error(401, "invalid_token");
        service.refresh(&user.refresh).await.expect_error(401, "invalid_token");
        service.login(&user.email, PASSWORD).await.expect_error(401, "invalid_credentials");
        let kept = service.stored().await.into_iter().filter(|row| !row.starts_with("audit"));
        // The job that sent a mail has forgotten to whom.
        let left: Vec<_> = kept.filter(|row| !row.starts_with("jobs: ") || row.contains(&user.email)).collect();
        assert_eq!(left, Vec::<String>::new(), "neither the user nor the sessions are kept");
        assert_eq!(events(&service, user.id).await, [format!("user_deleted by {}", user.id)]);

        let again = service.register(&user.email, PASSWORD).await.expect(201).json();
        assert!(again["id"].as_i64().unwrap() > user.id, "a number is never given twice: {again}");
        service.me(&user.access).await.expect_error(401, "invalid_token");
    }
}
