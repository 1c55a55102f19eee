//! Attempts, and what follows from them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all, assert_has, change, deliveries, idle, newest, path, show, subscribe};
use crate::support::Service;
use crate::support::client::TestUser;
use crate::support::postgres::eventually;
use crate::support::receiver::{Receiver, Reply};

async fn test(service: &Service, root: &TestUser, webhook: &Value) -> Value {
    service.by(root, "POST", &format!("{}/test", path(webhook))).send().await.expect(202).json()
}

async fn resend(service: &Service, root: &TestUser, webhook: &Value, delivery: &Value) -> Value {
    let path = format!("{}/deliveries/{}/resend", path(webhook), delivery["id"]);
    service.by(root, "POST", &path).send().await.expect(202).json()
}

/// Waits until this many attempts at the newest delivery were recorded.
async fn attempted(service: &Service, root: &TestUser, webhook: &Value, times: u64) -> Value {
    eventually("the attempt is recorded", async || {
        deliveries(service, root, webhook).await.into_iter().next().filter(|one| one["attempts"] == times)
    })
    .await
}

on_both! {
    async fn a_delivery_shows_what_the_receiver_answered(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        receiver.answer([Reply { body: "é".repeat(1_000), ..Reply::status(200) }]);
        let pending = test(&service, &root, &webhook).await;
        assert_has(&pending, &json!({"status": "pending", "attempts": 0, "event_type": "webhook.test"}));
        assert_eq!(receiver.next().await.header("webhook-id"), pending["event_id"].as_str().unwrap());
        let delivered = newest(&service, &root, &webhook, "delivered").await;
        let expected = json!({"id": pending["id"], "attempts": 1, "response_status": 200, "error": null});
        assert_has(&delivered, &expected);
        assert_eq!(delivered["response_body"], "é".repeat(512));
        assert!(delivered["duration_ms"].is_u64() && delivered["finished_at"].is_string(), "{delivered}");
    }

    async fn a_message_that_failed_is_sent_again_with_the_same_id(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["user.created"]).await;
        receiver.answer([Reply::status(500)]);
        service.user().await;
        let first = receiver.next().await;
        let failed = attempted(&service, &root, &webhook, 1).await;
        assert_has(&failed, &json!({"status": "pending", "response_status": 500, "finished_at": null}));
        assert!(show(&service, &root, &webhook).await["failing_since"].is_string());
        idle(&service).await;

        service.clock.advance(Duration::from_secs(6));
        let second = receiver.next().await;
        assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
        assert_eq!(first.body, second.body);
        let delivered = newest(&service, &root, &webhook, "delivered").await;
        assert_has(&delivered, &json!({"attempts": 2, "response_status": 204}));
        assert_has(&show(&service, &root, &webhook).await, &json!({"is_active": true, "failing_since": null}));
    }

    async fn a_receiver_that_is_gone_disables_its_webhook_at_once(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        receiver.answer([Reply::status(410)]);
        service.user().await;
        let failed = newest(&service, &root, &webhook, "failed").await;
        assert_has(&failed, &json!({"attempts": 1, "response_status": 410}));
        let disabled = show(&service, &root, &webhook).await;
        assert_has(&disabled, &json!({"is_active": false, "disabled_reason": "gone"}));
        receiver.rest().await;
        service.user().await;
        idle(&service).await;
        assert_eq!(receiver.rest().await.len(), 0);

        change(&service, &root, &webhook, json!({"is_active": true})).await;
        service.user().await;
        receiver.next().await;
    }

    async fn a_webhook_that_fails_for_three_days_is_disabled(service: Service) {
        let mut root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        receiver.answer(vec![Reply::status(503); 11]);
        test(&service, &root, &webhook).await;
        for attempt in 1..10 {
            attempted(&service, &root, &webhook, attempt).await;
            assert_has(&show(&service, &root, &webhook).await, &json!({"is_active": true}));
            idle(&service).await;
            service.clock.advance(Duration::from_hours(27));
            root = service.log_in_again(&root.email, root.id).await;
        }
        // A second message is pending when the webhook is disabled.
        assert_has(&newest(&service, &root, &webhook, "failed").await, &json!({"attempts": 10}));
        let disabled = show(&service, &root, &webhook).await;
        assert_has(&disabled, &json!({"is_active": false, "disabled_reason": "failing"}));
        assert!(disabled["disabled_at"].is_string() && disabled["failing_since"].is_string(), "{disabled}");
    }

    async fn disabling_a_webhook_ends_its_pending_deliveries(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        receiver.answer([Reply::status(500)]);
        test(&service, &root, &webhook).await;
        attempted(&service, &root, &webhook, 1).await;
        change(&service, &root, &webhook, json!({"is_active": false})).await;
        assert_has(&newest(&service, &root, &webhook, "failed").await, &json!({"attempts": 1}));
        receiver.rest().await;
        idle(&service).await;
        service.clock.advance(Duration::from_secs(6));
        idle(&service).await;
        assert_eq!(receiver.rest().await.len(), 0);
    }

    async fn a_delivery_is_resent_as_one_of_its_own(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["user.created"]).await;
        service.user().await;
        let first = receiver.next().await;
        let delivered = newest(&service, &root, &webhook, "delivered").await;
        // Also if the webhook is disabled.
        change(&service, &root, &webhook, json!({"is_active": false})).await;
        let pending = resend(&service, &root, &webhook, &delivered).await;
        assert_ne!(pending["id"], delivered["id"]);
        assert_eq!(pending["event_id"], delivered["event_id"]);
        let second = receiver.next().await;
        assert_eq!((first.header("webhook-id"), &first.body), (second.header("webhook-id"), &second.body));

        let other = subscribe(&service, &root, &receiver, &["*"]).await;
        let path = format!("{}/deliveries/{}/resend", path(&other), delivered["id"]);
        service.by(&root, "POST", &path).send().await.expect_error(404, "not_found");
    }

    async fn pages_contain_every_delivery_once_the_newest_first(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        let mut sent = Vec::new();
        for _ in 0..5 {
            sent.insert(0, test(&service, &root, &webhook).await["id"].clone());
        }
        let list = format!("{}/deliveries", path(&webhook));
        for limit in [1, 2, 5, 100] {
            let found = all(&service, &root, &list, &format!("limit={limit}")).await;
            let ids: Vec<_> = found.iter().map(|delivery| delivery["id"].clone()).collect();
            assert_eq!(ids, sent, "limit {limit}");
        }
    }
}
