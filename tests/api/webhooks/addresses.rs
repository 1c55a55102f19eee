//! Where webhooks may lead.

use serde_json::json;

use super::{WEBHOOKS, change, create, creation, newest, path, subscribe};
use crate::support::client::{PASSWORD, fresh_email};
use crate::support::receiver::{Receiver, Reply};
use crate::support::{Backend, Service};

const REFUSING: [(&str, &str); 1] = [("WEBHOOK_ALLOW_PRIVATE_NETWORKS", "false")];

/// This machine and private networks, as people and attackers write them.
const PRIVATE: [&str; 23] = [
    "https://localhost/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1.:8443/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://１２７.0.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
];

async fn assert_private_networks_are_refused(backend: Backend) {
    let service = Service::start_with(backend, &REFUSING).await;
    let root = service.superuser().await;
    let public = create(&service, &root, json!({"url": "https://1.1.1.1/hooks"})).await;
    let before = service.stored().await;
    for url in PRIVATE {
        let create = creation(&service, &root, &json!({"url": url}));
        let update = service.by(&root, "PATCH", &path(&public)).json(json!({"url": url}));
        for call in [create, update] {
            let error = call.send().await.expect_error(422, "validation_error");
            let problem = &error["details"]["fields"][0];
            assert_eq!(problem["field"], "url", "{url}: {error}");
            assert_eq!(problem["message"], "must not lead to a private network", "{url}");
        }
    }
    let plain = creation(&service, &root, &json!({"url": "http://1.1.1.1/"})).send().await;
    assert_eq!(plain.invalid_fields(), ["url"]);
    assert_eq!(service.stored().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_networks_are_refused_in_every_spelling_on_sqlite() {
    assert_private_networks_are_refused(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn private_networks_are_refused_in_every_spelling_on_postgresql() {
    assert_private_networks_are_refused(Backend::Postgres).await;
}

/// The webhook was stored while private networks were allowed. The name is resolved at each
/// delivery.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_to_a_private_network_is_refused_however_it_came_to_be_stored() {
    let service = Service::start_with(Backend::Sqlite, &REFUSING).await;
    let root = service.superuser().await;
    let receiver = Receiver::start().await;
    for url in [receiver.url.as_str(), "https://localhost/", "https://127.0.0.1/"] {
        let webhook = create(&service, &root, json!({"url": "https://1.1.1.1/hooks"})).await;
        let moved = format!("UPDATE webhooks SET url = '{url}' WHERE id = {}", webhook["id"]);
        service.database.sql(&moved).await;
        service.by(&root, "POST", &format!("{}/test", path(&webhook))).send().await.expect(202);
        let failed = newest(&service, &root, &webhook, "failed").await;
        assert!(failed["response_status"].is_null() && failed["error"].is_string(), "{failed}");
    }
    assert_eq!(receiver.rest().await.len(), 0);
}

on_both! {
    async fn a_redirect_is_not_followed(service: Service) {
        let root = service.superuser().await;
        let (receiver, other) = (Receiver::start().await, Receiver::start().await);
        let webhook = subscribe(&service, &root, &receiver, &["*"]).await;
        // It is sent once.
        change(&service, &root, &webhook, json!({"is_active": false})).await;
        receiver.answer([Reply { location: Some(other.url.clone()), ..Reply::status(307) }]);
        service.by(&root, "POST", &format!("{}/test", path(&webhook))).send().await.expect(202);
        let failed = newest(&service, &root, &webhook, "failed").await;
        assert_eq!(failed["response_status"], 307);
        assert_eq!((receiver.rest().await.len(), other.rest().await.len()), (1, 0));
    }

    async fn other_users_see_nothing_of_webhooks(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let webhook = create(&service, &root, json!({})).await;
        for (method, path) in [("GET", WEBHOOKS.to_owned()), ("GET", path(&webhook)), ("DELETE", path(&webhook))] {
            service.by(&user, method, &path).send().await.expect_error(403, "forbidden");
        }
        drop(service.register(&fresh_email(), PASSWORD).await.expect(201));
    }
}
