//! Webhooks: the resource itself; what is sent is in `webhooks/`.

mod addresses;
mod deliveries;
mod events;
mod secrets;

use serde_json::{Value, json};

use super::operations::Fixture;
use crate::support::client::{Answer, TestUser};
use crate::support::postgres::eventually;
use crate::support::receiver::Receiver;
use crate::support::{Backend, Call, Service};

const WEBHOOKS: &str = "/api/v1/webhooks";

/// What the ID of a webhook names.
pub const WEBHOOK: Fixture = Fixture::Owned { path: WEBHOOKS, body: new_webhook };

/// A body with every field that a webhook must have. It is disabled, so that no job runs because of
/// it, and needs no resolver.
pub fn new_webhook(_: &TestUser) -> Value {
    json!({"url": "http://127.0.0.1:2/hooks", "events": ["user.created", "user.deleted"], "is_active": false})
}

/// Makes a webhook and a delivery, which has ended. Gives their IDs.
pub async fn test_delivery(service: &Service, superuser: &TestUser) -> (i64, i64) {
    let webhook = create(service, superuser, json!({})).await;
    let delivery = service.by(superuser, "POST", &format!("{}/test", path(&webhook))).send().await;
    let delivery = delivery.expect(202).json();
    idle(service).await;
    (webhook["id"].as_i64().unwrap(), delivery["id"].as_i64().unwrap())
}

/// Waits until no job is due or runs.
async fn idle(service: &Service) {
    let now = match service.database.backend {
        Backend::Postgres => format!("CAST('{}' AS TIMESTAMPTZ)", service.clock.now()),
        Backend::Sqlite => service.clock.now().micros().to_string(),
    };
    let due = format!("status = 'queued' AND run_at <= {now}");
    let busy = format!("SELECT COUNT(*) AS value FROM jobs WHERE status = 'running' OR {due}");
    eventually("all jobs are done", async || {
        (service.database.sql(&busy).await.as_deref() == Some("0")).then_some(())
    })
    .await;
}

/// A call that creates a webhook with these fields besides those it must have.
fn creation(service: &Service, superuser: &TestUser, fields: &Value) -> Call {
    let mut webhook = new_webhook(superuser);
    webhook.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    service.by(superuser, "POST", WEBHOOKS).json(webhook)
}

async fn create(service: &Service, superuser: &TestUser, fields: Value) -> Value {
    creation(service, superuser, &fields).send().await.expect(201).json()
}

/// An active webhook that leads to this receiver.
async fn subscribe(service: &Service, superuser: &TestUser, to: &Receiver, events: &[&str]) -> Value {
    create(service, superuser, json!({"url": to.url, "events": events, "is_active": true})).await
}

async fn show(service: &Service, superuser: &TestUser, webhook: &Value) -> Value {
    service.by(superuser, "GET", &path(webhook)).send().await.expect(200).json()
}

async fn change(service: &Service, superuser: &TestUser, webhook: &Value, fields: Value) -> Value {
    service.by(superuser, "PATCH", &path(webhook)).json(fields).send().await.expect(200).json()
}

async fn list(service: &Service, superuser: &TestUser, path: &str, query: &str) -> Answer {
    service.by(superuser, "GET", &format!("{path}?{query}")).send().await
}

/// The items that a list with this query shows on all its pages.
async fn all(service: &Service, superuser: &TestUser, path: &str, query: &str) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = list(service, superuser, path, &format!("{query}{next}")).await.expect(200).json();
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(token) = page["next_page"].as_str() else { return found };
        next = format!("&page_token={token}");
    }
}

/// The deliveries of a webhook, the newest first.
async fn deliveries(service: &Service, superuser: &TestUser, webhook: &Value) -> Vec<Value> {
    all(service, superuser, &format!("{}/deliveries", path(webhook)), "limit=100").await
}

/// Waits until the newest delivery has this status, and gives it.
async fn newest(service: &Service, superuser: &TestUser, webhook: &Value, status: &str) -> Value {
    eventually("the delivery has its status", async || {
        deliveries(service, superuser, webhook).await.into_iter().next().filter(|one| one["status"] == status)
    })
    .await
}

fn path(webhook: &Value) -> String {
    format!("{WEBHOOKS}/{}", webhook["id"])
}

fn assert_has(webhook: &Value, fields: &Value) {
    for (field, value) in fields.as_object().unwrap() {
        assert_eq!(&webhook[field], value, "{field}");
    }
}

/// A webhook without its secret, which only its creation shows.
fn without_secret(webhook: &Value) -> Value {
    let mut webhook = webhook.clone();
    webhook.as_object_mut().unwrap().shift_remove("secret").expect("a secret");
    webhook
}

on_both! {
    async fn a_webhook_is_created_shown_changed_and_deleted(service: Service) {
        let root = service.superuser().await;
        let fields = json!({"description": "For the accounts.", "is_active": true});
        let made = create(&service, &root, fields.clone()).await;
        assert_has(&made, &fields);
        assert_has(&made, &json!({"disabled_at": null, "disabled_reason": null, "failing_since": null}));
        assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
        assert_eq!(show(&service, &root, &made).await, without_secret(&made));

        let fields = json!({"url": "http://127.0.0.1:10/", "events": ["*"], "description": null});
        let changed = change(&service, &root, &made, fields.clone()).await;
        assert_has(&changed, &fields);
        assert_eq!(changed["created_at"], made["created_at"]);
        assert_eq!(show(&service, &root, &made).await, changed);

        service.by(&root, "DELETE", &path(&made)).send().await.expect(204);
        service.by(&root, "GET", &path(&made)).send().await.expect_error(404, "not_found");
        service.by(&root, "DELETE", &path(&made)).send().await.expect_error(404, "not_found");
    }

    async fn a_webhook_is_disabled_and_enabled_by_a_superuser(service: Service) {
        let root = service.superuser().await;
        let made = create(&service, &root, json!({"is_active": false})).await;
        assert_has(&made, &json!({"is_active": false, "disabled_reason": "manual"}));
        let enabled = change(&service, &root, &made, json!({"is_active": true})).await;
        assert_has(&enabled, &json!({"is_active": true, "disabled_at": null, "disabled_reason": null}));
        let disabled = change(&service, &root, &made, json!({"is_active": false})).await;
        assert_has(&disabled, &json!({"is_active": false, "disabled_reason": "manual"}));
        assert!(disabled["disabled_at"].is_string(), "{disabled}");
        let described = change(&service, &root, &made, json!({"description": "Later."})).await;
        assert_eq!(described["disabled_at"], disabled["disabled_at"]);
    }

    async fn pages_contain_every_webhook_once(service: Service) {
        let root = service.superuser().await;
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(without_secret(&create(&service, &root, json!({})).await));
        }
        for limit in [1, 2, 5, 100] {
            assert_eq!(all(&service, &root, WEBHOOKS, &format!("limit={limit}")).await, made, "limit {limit}");
        }
    }

    async fn every_invalid_field_is_refused_with_its_reason(service: Service) {
        let root = service.superuser().await;
        let webhook = create(&service, &root, json!({})).await;
        let before = service.stored().await;
        let known = "must contain only * or these events: user.created, user.updated, user.deleted, \
                     user.deactivated, user.activated, user.email_verified, user.password_changed";
        for (field, value, reason) in [
            ("url", json!(""), "must not be blank"),
            ("url", json!("x".repeat(2049)), "must be at most 2048 characters"),
            ("url", json!(null), "must be a string"),
            ("url", json!("example.com/hooks"), "must be a URL with a host"),
            ("url", json!("ftp://example.com/"), "must begin with https://"),
            ("url", json!("https://ada:secret@example.com/"), "must not contain a user name or password"),
            ("url", json!("https://example.com/#a"), "must not contain a fragment"),
            ("url", json!("https://example.com:0/"), "must not use port 0"),
            ("url", json!("https://example.com:22/"), "must not use port 22, which belongs to another protocol"),
            ("url", json!("https://nowhere.invalid/"), "must have a host that can be resolved"),
            ("events", json!([]), "must name an event"),
            ("events", json!(["user.created", "user.exploded"]), known),
            ("events", json!(["user.*"]), known),
            ("events", json!(null), "must be an array"),
            ("description", json!("x".repeat(501)), "must be at most 500 characters"),
            ("is_active", json!(1), "must be a boolean"),
            ("id", json!(7), "cannot be set here"),
            ("secret", json!("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "cannot be set here"),
        ] {
            let wrong = json!({field: value});
            let create = creation(&service, &root, &wrong);
            let update = service.by(&root, "PATCH", &path(&webhook)).json(wrong);
            for call in [create, update] {
                let error = call.send().await.expect_error(422, "validation_error");
                let problems = error["details"]["fields"].as_array().unwrap();
                let reasons: Vec<_> = problems.iter().map(|one| (&one["field"], &one["message"])).collect();
                assert_eq!(reasons, [(&json!(field), &json!(reason))], "{value}");
            }
        }
        let empty = service.by(&root, "POST", WEBHOOKS).json(json!({})).send().await;
        assert_eq!(empty.invalid_fields(), ["url", "events"]);
        assert_eq!(service.stored().await, before);
    }

    async fn changes_of_webhooks_are_audited(service: Service) {
        let root = service.superuser().await;
        let made = create(&service, &root, json!({})).await;
        change(&service, &root, &made, json!({"description": "Later."})).await;
        service.by(&root, "POST", &format!("{}/rotate-secret", path(&made))).send().await.expect(200);
        service.by(&root, "DELETE", &path(&made)).send().await.expect(204);
        let audited = format!(
            "SELECT kind AS value FROM audit_events WHERE resource_id = {} AND actor_id = {} ORDER BY id",
            made["id"], root.id
        );
        let kinds: Vec<_> = service.database.rows(&audited).await.into_iter().flatten().collect();
        let expected = ["webhook_created", "webhook_updated", "webhook_secret_rotated", "webhook_deleted"];
        assert_eq!(kinds, expected);
    }
}
