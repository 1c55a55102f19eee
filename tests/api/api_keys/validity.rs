//! When a key is valid, and what its use records.

use std::time::Duration;

use serde_json::json;

use super::{API_KEYS, create, on};
use crate::support::begun::begun_with;
use crate::support::client::TestUser;
use crate::support::{Backend, Call, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MINUTE: Duration = Duration::from_mins(1);

async fn last_used(service: &Service, user: &TestUser, id: i64) -> serde_json::Value {
    on(service, user, "GET", id).await.expect(200).json()["last_used_at"].clone()
}

on_both! {
    async fn a_key_works_until_it_expires(service: Service) {
        let user = service.user().await;
        let expires_at = service.clock.now().plus(10 * MINUTE).to_string();
        let body = json!({"name": "Short", "scopes": ["users:read"], "expires_at": expires_at});
        let created = create(&service, &user, body).await.expect(201).json();
        let key = created["key"].as_str().unwrap();
        service.me(key).await.expect(200);
        service.clock.advance(10 * MINUTE);
        service.me(key).await.expect_error(401, "invalid_token");
        assert_eq!(created["expires_at"], expires_at);
    }

    async fn a_deleted_key_is_refused_by_every_instance_at_once(service: Service) {
        let second = service.another_instance().await;
        let user = service.user().await;
        let (id, key) = service.api_key(&user, &["users:read"]).await;
        let elsewhere = || Call::new(&second.url, "GET", "/api/v1/users/me").bearer(&key).send();
        elsewhere().await.expect(200);
        on(&service, &user, "DELETE", id).await.expect(204);
        elsewhere().await.expect_error(401, "invalid_token");
        service.me(&key).await.expect_error(401, "invalid_token");
        second.stop().await;
    }

    async fn keys_share_the_fate_of_their_user(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let (_, key) = service.api_key(&user, &["users:read"]).await;
        let by_root = |method, below: &str| {
            service.by(&root, method, &format!("/api/v1/users/{}{below}", user.id)).send()
        };
        by_root("PATCH", "/deactivate").await.expect(200);
        service.me(&key).await.expect_error(401, "invalid_token");
        by_root("PATCH", "/activate").await.expect(200);
        service.me(&key).await.expect(200);
        by_root("DELETE", "").await.expect(204);
        service.me(&key).await.expect_error(401, "invalid_token");
        assert_eq!(service.database.sql("SELECT COUNT(*) AS value FROM api_keys").await.as_deref(), Some("0"));
    }

    async fn lost_rights_of_the_user_are_lost_to_its_keys_at_once(service: Service) {
        let (root, other) = (service.superuser().await, service.superuser().await);
        let (_, key) = service.api_key(&root, &["users:read"]).await;
        let users = || service.call("GET", "/api/v1/users").bearer(&key).send();
        users().await.expect(200);
        let demotion = json!({"role": "user"});
        let path = format!("/api/v1/users/{}", root.id);
        service.by(&other, "PATCH", &path).json(demotion).send().await.expect(200);
        users().await.expect_error(403, "forbidden");
    }

    async fn texts_in_the_form_of_keys_are_no_keys(service: Service) {
        let user = service.user().await;
        let (_, key) = service.api_key(&user, &["users:read"]).await;
        let last = if key.ends_with('0') { "1" } else { "0" };
        let wrong_checksum = format!("{}{last}", &key[..key.len() - 1]);
        // Well-formed, but never issued.
        let unknown = "gwk_1fJjkkpe9PiTw9KSulA8Ghct30vZz4HpdQ5c5b9cPF13aoJVO";
        for text in [&wrong_checksum, unknown, "gwk_", &key[..20], &format!("{key}0"), &key.to_uppercase()] {
            service.me(text).await.expect_error(401, "invalid_token");
        }
        let basic = service.call("GET", "/api/v1/users/me").header("authorization", &format!("Basic {key}"));
        basic.send().await.expect_error(401, "unauthorized");
    }

    async fn the_last_use_is_recorded_once_a_minute(service: Service) {
        let user = service.user().await;
        let (id, key) = service.api_key(&user, &["users:read"]).await;
        assert!(last_used(&service, &user, id).await.is_null());
        service.me(&key).await.expect(200);
        let first = last_used(&service, &user, id).await;
        assert!(first.is_string());
        service.clock.advance(MINUTE / 2);
        service.me(&key).await.expect(200);
        assert_eq!(last_used(&service, &user, id).await, first);
        service.clock.advance(MINUTE / 2);
        service.me(&key).await.expect(200);
        assert!(last_used(&service, &user, id).await.as_str() > first.as_str());
    }

    async fn a_write_by_a_key_is_recorded_with_its_key(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let (id, key) = service.api_key(&root, &["users:write"]).await;
        let deactivation = format!("/api/v1/users/{}/deactivate", user.id);
        service.call("PATCH", &deactivation).bearer(&key).send().await.expect(200);
        service.by(&root, "PATCH", &format!("/api/v1/users/{}/activate", user.id)).send().await.expect(200);
        let statement = "SELECT kind || ' by ' || CAST(actor_id AS TEXT) || ' with ' \
                         || COALESCE(CAST(api_key_id AS TEXT), 'a session') AS value \
                         FROM audit_events WHERE kind LIKE 'user_%activated' ORDER BY id";
        let found: Vec<_> = service.database.rows(statement).await.into_iter().flatten().collect();
        let by_key = format!("user_deactivated by {} with {id}", root.id);
        assert_eq!(found, [by_key, format!("user_activated by {} with a session", root.id)]);
    }

    async fn a_key_that_is_deleted_while_the_body_arrives_writes_nothing(service: Service) {
        let root = service.superuser().await;
        let target = service.user().await;
        for (method, path) in [
            ("PATCH", "/api/v1/users/me".to_owned()),
            ("PATCH", format!("/api/v1/users/{}", target.id)),
            ("PATCH", format!("/api/v1/users/{}", root.id)),
            ("POST", "/api/v1/users".to_owned()),
        ] {
            let (id, key) = service.api_key(&root, &["users:write"]).await;
            let body = json!({"full_name": "After the End", "email": "late@example.com", "password": "a late battery"});
            let body = if method == "POST" { body } else { json!({"full_name": "After the End"}) }.to_string();
            let headers = format!("Authorization: Bearer {key}\r\nConnection: close\r\n");
            let mut held = begun_with(&service.instance.url, method, &path, &headers, body.len()).await;
            on(&service, &root, "DELETE", id).await.expect(204);
            held.write_all(body.as_bytes()).await.unwrap();
            let mut answer = String::new();
            held.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("invalid_token"), "{path}: {answer}");
            let written = "SELECT COUNT(*) AS value FROM users WHERE full_name = 'After the End'";
            assert_eq!(service.database.sql(written).await.as_deref(), Some("0"), "{method} {path}");
        }
    }
}

const FEW: [(&str, &str); 1] = [("RATE_LIMIT_PER_MINUTE", "3")];

#[tokio::test(flavor = "multi_thread")]
async fn each_key_has_a_rate_limit_of_its_own_and_leaves_that_of_the_address_alone() {
    let service = Service::start_with(Backend::Sqlite, &FEW).await;
    let user = service.user().await;
    let keys =
        [service.api_key(&user, &["users:read"]).await.1, service.api_key(&user, &["users:read"]).await.1];
    for key in &keys {
        for remaining in ["2", "1", "0"] {
            assert_eq!(service.me(key).await.expect(200).header("ratelimit-remaining"), remaining);
        }
        service.me(key).await.expect_error(429, "rate_limited");
    }
    assert_eq!(service.me(&user.access).await.expect(200).header("ratelimit-remaining"), "2");
    service.clock.advance(MINUTE);
    service.me(&keys[0]).await.expect(200);
}

/// Whoever makes keys and deletes them would otherwise have any number of limits.
#[tokio::test(flavor = "multi_thread")]
async fn deleted_keys_count_for_the_address() {
    let service = Service::start_with(Backend::Sqlite, &FEW).await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        let user = service.user().await;
        let (id, key) = service.api_key(&user, &["users:read"]).await;
        service.me(&key).await.expect(200);
        on(&service, &user, "DELETE", id).await.expect(204);
        service.clock.advance(MINUTE);
        keys.push(key);
    }
    for key in &keys {
        service.me(key).await.expect_error(401, "invalid_token");
    }
    for key in &keys {
        service.me(key).await.expect_error(401, "invalid_token");
    }
    for key in &keys {
        service.me(key).await.expect_error(429, "rate_limited");
    }
}

/// Every text in the form of a key would otherwise have a limit of its own.
#[tokio::test(flavor = "multi_thread")]
async fn invented_keys_count_for_the_address() {
    let service = Service::start_with(Backend::Sqlite, &FEW).await;
    for seed in 0..3 {
        let key = groundwork::domain::api_keys::API_KEY_FORMAT.key([seed; 32]);
        let key = secrecy::ExposeSecret::expose_secret(key.text()).to_owned();
        service.me(&key).await.expect_error(401, "invalid_token");
    }
    let key = groundwork::domain::api_keys::API_KEY_FORMAT.key([9; 32]);
    let key = secrecy::ExposeSecret::expose_secret(key.text()).to_owned();
    service.me(&key).await.expect_error(429, "rate_limited");
    let _still_there = service.call("GET", API_KEYS).send().await.expect(401);
}
