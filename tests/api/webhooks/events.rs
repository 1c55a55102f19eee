//! Which changes of users webhooks get to know.

use serde_json::{Value, json};

use super::{create, deliveries, idle, subscribe};
use crate::support::Service;
use crate::support::client::{PASSWORD, TestUser, fresh_email};
use crate::support::receiver::Receiver;

/// The next messages, whatever their order, by their types.
async fn next(receiver: &Receiver, secret: &Value, types: &[&str]) -> Vec<Value> {
    let mut messages = Vec::new();
    for _ in types {
        let message = receiver.next().await;
        message.verify(secret.as_str().unwrap()).unwrap();
        messages.push(message.json());
    }
    let mut found: Vec<_> = messages.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let mut expected = types.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    messages
}

async fn patch(service: &Service, by: &TestUser, path: &str, body: Value) -> Value {
    service.by(by, "PATCH", path).json(body).send().await.expect(200).json()
}

on_both! {
    async fn each_change_of_a_user_is_sent_as_its_events(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        let next = async |types: &[&str]| next(&receiver, &webhook["secret"], types).await;

        let user = service.user().await;
        let created = next(&["user.created"]).await;
        assert_eq!(created[0]["data"]["id"], user.id);
        let body = json!({"email": fresh_email(), "password": PASSWORD});
        let made = service.by(&root, "POST", "/api/v1/users").json(body).send().await.expect(201).json();
        assert_eq!(next(&["user.created"]).await[0]["data"], made);

        let renamed = patch(&service, &user, "/api/v1/users/me", json!({"full_name": "Ada"})).await;
        assert_eq!(next(&["user.updated"]).await[0]["data"], renamed);
        // Nothing has changed.
        patch(&service, &user, "/api/v1/users/me", json!({"full_name": "Ada"})).await;
        let own_password = json!({"password": "another horse battery", "current_password": PASSWORD});
        patch(&service, &user, "/api/v1/users/me", own_password).await;
        next(&["user.password_changed"]).await;

        let path = format!("/api/v1/users/{}", user.id);
        let changes = json!({"is_verified": true, "password": "yet another battery", "full_name": "Ada L."});
        let updated = patch(&service, &root, &path, changes).await;
        for event in next(&["user.updated", "user.email_verified", "user.password_changed"]).await {
            assert_eq!(event["data"], updated);
        }
        patch(&service, &root, &format!("{path}/deactivate"), Value::Null).await;
        next(&["user.updated", "user.deactivated"]).await;
        let active = patch(&service, &root, &format!("{path}/activate"), Value::Null).await;
        next(&["user.updated", "user.activated"]).await;
        service.by(&root, "DELETE", &path).send().await.expect(204);
        assert_eq!(next(&["user.deleted"]).await[0]["data"], active);
        idle(&service).await;
        assert_eq!(receiver.rest().await.len(), 0);
    }

    async fn a_webhook_gets_the_events_that_it_subscribed_to(service: Service) {
        let root = service.superuser().await;
        let (all, some, none) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
        subscribe(&service, &root, &all, &["*"]).await;
        subscribe(&service, &root, &some, &["user.deleted"]).await;
        create(&service, &root, json!({"url": none.url, "events": ["*"]})).await;
        let user = service.user().await;
        service.by(&user, "DELETE", "/api/v1/users/me").send().await.expect(204);
        let ids = [all.next().await, all.next().await].map(|message| message.header("webhook-id").to_owned());
        let deleted = some.next().await;
        assert_eq!(deleted.json()["type"], "user.deleted");
        assert!(ids.contains(&deleted.header("webhook-id").to_owned()), "one event has one ID");
        idle(&service).await;
        assert_eq!((some.rest().await.len(), none.rest().await.len()), (0, 0));
    }

    async fn a_change_that_fails_sends_nothing_and_one_without_webhooks_enqueues_nothing(service: Service) {
        let root = service.superuser().await;
        let jobs = "SELECT COUNT(*) AS value FROM jobs WHERE kind = 'dispatch_event'";
        let user = service.user().await;
        patch(&service, &user, "/api/v1/users/me", json!({"full_name": "Ada"})).await;
        assert_eq!(service.database.sql(jobs).await.as_deref(), Some("0"));

        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        service.register(&user.email, PASSWORD).await.expect_error(409, "email_taken");
        let last = format!("/api/v1/users/{}", root.id);
        service.by(&root, "DELETE", &last).send().await.expect_error(409, "last_superuser");
        assert_eq!(service.database.sql(jobs).await.as_deref(), Some("0"));
        assert_eq!(deliveries(&service, &root, &webhook).await, Vec::<Value>::new());

        // The first change of the own user after a webhook has come, which another instance made.
        let other = service.another_instance().await;
        let call = crate::support::Call::new(&other.url, "PATCH", "/api/v1/users/me").bearer(&user.access);
        call.json(json!({"full_name": "Ada L."})).send().await.expect(200);
        assert_eq!(receiver.next().await.json()["data"]["full_name"], "Ada L.");
    }
}
