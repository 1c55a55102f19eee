//! A new version, instance by instance, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Client;
use serde_json::json;
use tokio::task::JoinSet;

use crate::behind_both;
use crate::deploy::edge::Edge;
use crate::deploy::instance::Instances;
use crate::support::Call;
use crate::support::client::PASSWORD;
use crate::support::redis::eventually;

/// Clients that read and write until they are stopped.
const CLIENTS: usize = 4;

behind_both! {
    async fn a_rolling_restart_of_all_instances_fails_no_request(kind) {
        let mut instances = Instances::start().await;
        let edge = Edge::start(kind, instances.addresses()).await;
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let credentials = json!({ "email": format!("user-{number}@example.com"), "password": PASSWORD });
            let register = Call::new(&edge.url(), "POST", "/api/v1/auth/register").json(credentials.clone());
            register.send().await.expect(201);
            let login = Call::new(&edge.url(), "POST", "/api/v1/auth/login").json(credentials).send().await.expect(200);
            let token = login.json()["access_token"].as_str().unwrap().to_owned();
            let url = format!("{}/api/v1/users/me", edge.url());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            clients.spawn(async move {
                let client = Client::builder().no_proxy().build().unwrap();
                let mut writes = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    writes += 1;
                    let name = format!("Write {writes}");
                    let written = client.patch(&url).bearer_auth(&token).json(&json!({ "full_name": name })).send();
                    let written = written.await.unwrap();
                    assert_eq!(written.status(), 200, "{}", written.text().await.unwrap());
                    // Every instance sees the write.
                    let read = client.get(&url).bearer_auth(&token).send().await.unwrap();
                    assert_eq!(read.status(), 200);
                    assert!(read.text().await.unwrap().contains(&name));
                    answered.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        let url = instances.database.url.clone();
        for instance in &mut instances.each {
            let before = answered.load(Ordering::Relaxed);
            instance.replace(&url).await;
            // The next one goes when this one is back in use: proxies leave one out for some
            // seconds that was away.
            eventually("it serves again", async || !instance.requests().is_empty()).await;
            assert!(answered.load(Ordering::Relaxed) > before, "requests went on meanwhile");
        }
        stop.store(true, Ordering::Relaxed);
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    }
}
