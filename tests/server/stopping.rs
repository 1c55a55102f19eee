//! The end, step by step.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::server::wire::{LIMIT, answer, ask, connect, until_closed};
use crate::support::begun::begun;
use crate::support::client::fresh_email;
use crate::support::{Backend, Call, Service, redis::eventually};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_fails_while_a_stopping_service_still_serves() {
    let service = Service::start_with(Backend::Sqlite, &[("DRAIN_TIMEOUT", "8")]).await;
    let url = service.instance.url.clone();
    let ready = async || Call::new(&url, "GET", "/api/v1/health/ready").send().await;
    ready().await.expect(200);
    let stopped = tokio::spawn(service.instance.stop());
    eventually("readiness tells", async || ready().await.status == 503).await;
    ready().await.expect_error(503, "service_unavailable");
    // New connections are served, and told not to be used again: a proxy keeps none that is about
    // to close.
    let answer = Call::new(&url, "GET", "/api/v1/health/live").send().await.expect(200);
    assert_eq!(answer.header("connection"), "close");
    timeout(LIMIT, stopped).await.unwrap().unwrap();
    assert!(reqwest::get(format!("{url}/api/v1/health/live")).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_finishes_and_an_idle_connection_is_closed() {
    let service = Service::start(Backend::Sqlite).await;
    let mut idle = connect(&service.instance).await;
    ask(&mut idle).await;
    let body = json!({ "email": fresh_email(), "password": "correct horse battery" }).to_string();
    let mut busy = begun(&service.instance.url, "/api/v1/auth/register", body.len()).await;
    let url = service.instance.url.clone();
    let stopped = tokio::spawn(service.instance.stop());
    assert_eq!(until_closed(&mut idle).await, b"");
    eventually("nobody listens", async || reqwest::get(&url).await.is_err()).await;
    busy.write_all(body.as_bytes()).await.unwrap();
    let answer = answer(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    timeout(LIMIT, stopped).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_finish_in_time_is_cut_off() {
    let service = Service::start_with(Backend::Sqlite, &[("SHUTDOWN_TIMEOUT", "1")]).await;
    let mut busy = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    let stopped = timeout(LIMIT, service.instance.stop());
    stopped.await.expect("it stops although a client does not");
    assert_eq!(until_closed(&mut busy).await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_that_arrives_during_a_drain_is_answered() {
    let service = Service::start_with(Backend::Sqlite, &[("DRAIN_TIMEOUT", "300")]).await;
    let url = service.instance.url.clone();
    let client = reqwest::Client::new();
    let (draining, ready) = (format!("{url}/api/v1/health/ready"), format!("{url}/"));
    let stopped = tokio::spawn(service.instance.stop());
    // A balancer sends requests until readiness tells it not to, and what it has sent is answered.
    let told = async {
        while client.get(&draining).send().await.unwrap().status() == 200 {
            assert_eq!(client.get(&ready).send().await.unwrap().status(), 200);
        }
    };
    timeout(LIMIT, told).await.expect("readiness tells");
    for _ in 0..20 {
        assert_eq!(client.get(&ready).send().await.unwrap().status(), 200);
    }
    // That it ends is another test's: this one has a long time, so that none of its requests comes
    // too late.
    stopped.abort();
}
