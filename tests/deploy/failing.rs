//! Instances that fail behind a proxy: what a client notices, and what is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Client, Method};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::behind_both;
use crate::deploy::edge::{Edge, Kind};
use crate::deploy::instance::Instances;
use crate::deploy::stand_in::{BODY, Manner, StandIns};
use crate::support::Call;
use crate::support::client::PASSWORD;
use crate::support::redis::eventually;

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// How often an idempotent request is tried, in both configurations.
const TRIES: usize = 3;

async fn no_get_is_lost(kind: Kind, signal: &str) {
    const CLIENTS: usize = 4;
    const REQUESTS: usize = 50;
    let instances = Instances::start().await;
    let edge = Edge::start(kind, instances.addresses()).await;
    let new = json!({"email": "ada@example.com", "password": PASSWORD});
    Call::new(&edge.url(), "POST", "/api/v1/auth/register").json(new.clone()).send().await.expect(201);
    let log_in = Call::new(&edge.url(), "POST", "/api/v1/auth/login").json(new);
    let token = log_in.send().await.expect(200).json()["access_token"].as_str().unwrap().to_owned();

    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (answered, token) = (Arc::clone(&answered), token.clone());
        let url = format!("{}/api/v1/users/me", edge.url());
        clients.spawn(async move {
            let client = client();
            for _ in 0..REQUESTS {
                let answer = client.get(&url).bearer_auth(&token).send().await.unwrap();
                assert_eq!(answer.status(), 200);
                assert!(answer.text().await.unwrap().contains("ada@example.com"));
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let served = || instances.each.each_ref().map(|instance| instance.requests().len());
    eventually("it is in use", async || {
        answered.load(Ordering::SeqCst) >= CLIENTS * REQUESTS / 4 && served()[0] > 0
    })
    .await;
    instances.each[0].signal(signal);
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    // A line may come after its answer.
    eventually("the others served most of them", async || {
        let [_, one, two] = served();
        one + two > CLIENTS * REQUESTS / 2
    })
    .await;
}

behind_both! {
    async fn killing_an_instance_fails_no_get(kind) {
        no_get_is_lost(kind, "-KILL").await;
    }

    async fn stopping_an_instance_fails_no_get(kind) {
        no_get_is_lost(kind, "-TERM").await;
    }

    async fn a_post_whose_connection_breaks_is_sent_once_and_a_get_is_retried(kind) {
        let instances = StandIns::start(Manner::HangsUp).await;
        let edge = Edge::start(kind, instances.addresses).await;
        for method in [Method::POST, Method::PATCH] {
            let answer = client().request(method.clone(), edge.url()).body("{}").send().await.unwrap();
            assert!(answer.status().is_server_error(), "{answer:?}");
            assert_eq!(instances.heads(method.as_str()).len(), 1, "{method}");
        }
        let answer = client().get(edge.url()).send().await.unwrap();
        assert!(answer.status().is_server_error(), "{answer:?}");
        let sent = instances.heads("GET").len();
        match kind {
            Kind::Nginx => assert_eq!(sent, TRIES),
            // Go's HTTP client repeats an idempotent request by itself where the connection was a
            // kept one, and those of the health checks are.
            Kind::Traefik => assert!((TRIES..=2 * TRIES).contains(&sent), "{sent}"),
        }
    }

    async fn a_post_on_a_reused_connection_that_breaks_is_sent_once(kind) {
        let instances = StandIns::start(Manner::HangsUpLater).await;
        let edge = Edge::start(kind, instances.addresses).await;
        let client = client();
        // One to each instance; from then on every kept connection is one that dies.
        for _ in 0..3 {
            assert_eq!(client.get(edge.url()).send().await.unwrap().text().await.unwrap(), BODY);
        }
        let answer = client.post(edge.url()).body("{}").send().await.unwrap();
        assert_eq!(instances.heads("POST").len(), 1, "{answer:?}");
    }

    async fn a_get_answered_503_is_retried_on_the_next_instance_and_a_post_is_not(kind) {
        let instances = StandIns::start(Manner::Refuses).await;
        let edge = Edge::start(kind, instances.addresses).await;
        let answer = client().post(edge.url()).body("{}").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (503, BODY), "as it was");
        assert_eq!(instances.heads("POST").len(), 1);
        assert_eq!(client().get(edge.url()).send().await.unwrap().status(), 503);
        assert_eq!(instances.heads("GET").len(), TRIES);
    }

    /// Nothing was sent to it, so nothing can be done twice.
    async fn a_post_goes_to_the_next_instance_if_one_refuses_the_connection(kind) {
        let instances = Instances::start().await;
        let edge = Edge::start(kind, instances.addresses()).await;
        instances.each[1].signal("-KILL");
        let address = instances.each[1].address;
        eventually("it is gone", async || TcpStream::connect(address).await.is_err()).await;
        for number in 0..6 {
            let id = format!("post-{number}");
            let new = json!({"email": format!("user{number}@example.com"), "password": PASSWORD});
            let call = Call::new(&edge.url(), "POST", "/api/v1/auth/register").header("x-request-id", &id);
            call.json(new).send().await.expect(201);
            let logged = instances.logged(std::slice::from_ref(&id)).await;
            assert_eq!(logged[&id].len(), 1, "{logged:?}");
        }
    }
}
