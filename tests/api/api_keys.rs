//! `/api-keys`: the resource itself. Which key may call what is in `operations/api_keys.rs`, and what
//! a key that leaked can do in `api_keys/leaked.rs`.

mod leaked;
mod validity;

use serde_json::{Value, json};

use crate::support::Service;
use crate::support::client::{Answer, TestUser};

const API_KEYS: &str = "/api/v1/api-keys";

async fn create(service: &Service, user: &TestUser, body: Value) -> Answer {
    service.by(user, "POST", API_KEYS).json(body).send().await
}

async fn list(service: &Service, user: &TestUser, query: &str) -> Answer {
    service.by(user, "GET", &format!("{API_KEYS}{query}")).send().await
}

async fn on(service: &Service, user: &TestUser, method: &str, id: i64) -> Answer {
    service.by(user, method, &format!("{API_KEYS}/{id}")).send().await
}

/// The audit events about keys: kind, actor, subject's user and key.
async fn events(service: &Service) -> Vec<String> {
    let statement = "SELECT kind || ' by ' || CAST(actor_id AS TEXT) || ' of ' || CAST(user_id AS TEXT) \
                     || ' key ' || CAST(resource_id AS TEXT) AS value \
                     FROM audit_events WHERE kind LIKE 'api_key%' ORDER BY id";
    service.database.rows(statement).await.into_iter().flatten().collect()
}

on_both! {
    async fn a_key_is_shown_once_and_not_stored(service: Service) {
        let user = service.user().await;
        let body = json!({"name": "Nightly export", "scopes": ["users:read", "users:write"]});
        let created = create(&service, &user, body).await.expect(201).json();
        let key = created["key"].as_str().unwrap();
        assert_eq!(key[..12], *created["prefix"].as_str().unwrap());
        assert_eq!(created["scopes"], json!(["users:read", "users:write"]));
        assert!(created["expires_at"].is_null() && created["last_used_at"].is_null());

        let mut shown = created.clone();
        shown.as_object_mut().unwrap().shift_remove("key");
        let id = created["id"].as_i64().unwrap();
        assert_eq!(on(&service, &user, "GET", id).await.expect(200).json(), shown);
        assert_eq!(list(&service, &user, "").await.expect(200).json()["items"], json!([shown]));
        for row in service.stored().await {
            assert!(!row.contains(&key[12..]), "{row}");
        }
        assert_eq!(events(&service).await, [format!("api_key_created by {0} of {0} key {id}", user.id)]);
    }

    async fn keys_are_listed_page_by_page(service: Service) {
        let (user, other) = (service.user().await, service.user().await);
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(json!(service.api_key(&user, &["users:read"]).await.0));
            service.api_key(&other, &["users:read"]).await;
        }
        let (mut found, mut query) = (Vec::new(), "?limit=2".to_owned());
        loop {
            let page = list(&service, &user, &query).await.expect(200).json();
            found.extend(page["items"].as_array().unwrap().iter().map(|key| key["id"].clone()));
            let Some(next) = page["next_page"].as_str() else { break };
            query = format!("?limit=2&page_token={next}");
        }
        assert_eq!(found, made);
        list(&service, &other, &query).await.invalid_fields();
    }

    async fn keys_of_another_user_are_not_found_unless_by_a_superuser(service: Service) {
        let (user, other) = (service.user().await, service.user_with_role("support").await);
        let root = service.superuser().await;
        let (id, key) = service.api_key(&user, &["users:read"]).await;
        let of_user = format!("?user_id={}", user.id);
        for method in ["GET", "DELETE"] {
            on(&service, &other, method, id).await.expect_error(404, "not_found");
        }
        list(&service, &other, &of_user).await.expect_error(404, "not_found");
        assert_eq!(list(&service, &other, "").await.expect(200).json()["items"], json!([]));

        assert_eq!(list(&service, &user, &of_user).await.expect(200).json()["items"][0]["id"], id);
        assert_eq!(list(&service, &root, &of_user).await.expect(200).json()["items"][0]["id"], id);
        assert_eq!(list(&service, &root, "").await.expect(200).json()["items"], json!([]));
        list(&service, &root, "?user_id=999999").await.expect_error(404, "not_found");
        assert_eq!(on(&service, &root, "GET", id).await.expect(200).json()["user_id"], user.id);

        service.me(&key).await.expect(200);
        on(&service, &root, "DELETE", id).await.expect(204);
        service.me(&key).await.expect_error(401, "invalid_token");
        on(&service, &root, "DELETE", id).await.expect_error(404, "not_found");
        let deleted = format!("api_key_deleted by {} of {} key {id}", root.id, user.id);
        assert_eq!(events(&service).await[1..], [deleted]);
    }

    async fn a_key_needs_a_name_known_scopes_and_a_time_to_come(service: Service) {
        let user = service.user().await;
        let body = |change: Value| {
            let mut body = json!({"name": "A", "scopes": ["users:read"]});
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            body
        };
        let now = service.clock.now().to_string();
        for (change, field) in [
            (json!({"name": " "}), "name"),
            (json!({"name": "x".repeat(101)}), "name"),
            (json!({"scopes": []}), "scopes"),
            (json!({"scopes": ["*"]}), "scopes"),
            (json!({"scopes": ["users:read", "users:read"]}), "scopes"),
            (json!({"scopes": "users:read"}), "scopes"),
            (json!({"expires_at": now}), "expires_at"),
            (json!({"expires_at": "tomorrow"}), "expires_at"),
            (json!({"user_id": 1}), "user_id"),
            (json!({"key": "gwk_"}), "key"),
        ] {
            let answer = create(&service, &user, body(change.clone())).await;
            assert_eq!(answer.invalid_fields(), [field], "{change}");
        }
    }

    async fn a_user_can_have_so_many_keys_and_no_more(service: Service) {
        let user = service.user().await;
        let mut last = 0;
        for _ in 0..50 {
            last = service.api_key(&user, &["users:read"]).await.0;
        }
        let body = json!({"name": "One more", "scopes": ["users:read"]});
        create(&service, &user, body.clone()).await.expect_error(409, "too_many_api_keys");
        on(&service, &user, "DELETE", last).await.expect(204);
        create(&service, &user, body).await.expect(201);
    }
}

/// What secret scanners look for. The document has it, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_scanner_finds_a_key_in_a_text_and_nothing_else_in_it() {
    let service = Service::start(crate::support::Backend::Sqlite).await;
    let user = service.user().await;
    let (_, key) = service.api_key(&user, &["users:read"]).await;
    let leak = format!("export API_KEY={key} TOKEN={} # gwk_ is the prefix", user.access);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = leak.split(|c| !is_part(c));
    // gwk_[0-9A-Za-z]{49}
    let found: Vec<_> = words.filter(|word| word.starts_with("gwk_") && word.len() == 4 + 49).collect();
    assert_eq!(found, [&key]);
    let pattern = crate::support::contract::contract().document["components"]["schemas"]["ApiKeyWithSecret"]
        ["properties"]["key"]["pattern"]
        .clone();
    assert_eq!(pattern, "^gwk_[0-9A-Za-z]{49}$");
}
