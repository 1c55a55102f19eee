//! Secrets: shown once, rotated, and nowhere else.

use std::time::Duration;

use serde_json::{Value, json};

use super::{WEBHOOKS, deliveries, list, path, show, subscribe};
use crate::support::Service;
use crate::support::client::TestUser;
use crate::support::receiver::Receiver;

fn secret(webhook: &Value) -> &str {
    webhook["secret"].as_str().expect("a secret")
}

async fn rotate(service: &Service, root: &TestUser, webhook: &Value) -> Value {
    service.by(root, "POST", &format!("{}/rotate-secret", path(webhook))).send().await.expect(200).json()
}

async fn test(service: &Service, root: &TestUser, webhook: &Value) {
    service.by(root, "POST", &format!("{}/test", path(webhook))).send().await.expect(202);
}

on_both! {
    async fn the_previous_secret_signs_beside_the_new_one_for_a_day(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        let old = secret(&webhook).to_owned();
        test(&service, &root, &webhook).await;
        let message = receiver.next().await;
        message.verify(&old).unwrap();
        assert_eq!(message.json()["data"], json!({"webhook_id": webhook["id"]}));

        let rotated = rotate(&service, &root, &webhook).await;
        let new = secret(&rotated).to_owned();
        assert_ne!(new, old);
        assert!(rotated["previous_secret_expires_at"].is_string(), "{rotated}");
        test(&service, &root, &webhook).await;
        let message = receiver.next().await;
        message.verify(&new).unwrap();
        message.verify(&old).unwrap();

        service.clock.advance(Duration::from_hours(24) + Duration::from_secs(1));
        let root = service.log_in_again(&root.email, root.id).await;
        test(&service, &root, &webhook).await;
        let message = receiver.next().await;
        // The library would compare the timestamp with its own clock.
        assert_eq!(message.header("webhook-signature").split(' ').count(), 1);

        // The secret before the previous one is forgotten at once.
        let third = rotate(&service, &root, &webhook).await;
        let stored = service.stored().await.concat();
        assert!(stored.contains(&new) && stored.contains(secret(&third)) && !stored.contains(&old));
    }

    async fn no_other_answer_contains_a_secret(service: Service) {
        let root = service.superuser().await;
        let receiver = Receiver::start().await;
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        let rotated = rotate(&service, &root, &webhook).await;
        test(&service, &root, &webhook).await;
        receiver.next().await;
        let answers = [
            show(&service, &root, &webhook).await.to_string(),
            list(&service, &root, WEBHOOKS, "limit=9").await.expect(200).text,
            json!(deliveries(&service, &root, &webhook).await).to_string(),
        ];
        for answer in answers {
            for secret in [secret(&webhook), secret(&rotated), "whsec_"] {
                assert!(!answer.contains(secret), "{answer}");
            }
        }
        let jobs = service.database.rows("SELECT payload AS value FROM jobs").await;
        assert!(jobs.iter().flatten().all(|job| !job.contains("whsec_") && !job.contains("password_hash")));
    }
}
