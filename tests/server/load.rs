//! More requests than the service takes at once, and bodies that never come.

use std::net::Ipv6Addr;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::server::wire::{LIMIT, answer};
use crate::support::begun::begun;
use crate::support::client::fresh_email;
use crate::support::held::Held;
use crate::support::{Backend, Service};

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_above_the_limit_is_shed_at_once_and_health_checks_answer() {
    let service = Service::start_with(Backend::Postgres, &[("MAX_REQUESTS", "1")]).await;
    let user = service.user().await;
    let held = Held::begin(&service.database, service.by(&user, "PATCH", "/api/v1/users/me")).await;
    let refused = service.call("GET", "/api/v1/users/me").send().await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.expect_error(503, "service_unavailable");
    service.call("GET", "/").send().await.expect_error(503, "service_unavailable");
    service.call("GET", "/.well-known/jwks.json").send().await.expect_error(503, "service_unavailable");
    for path in ["/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready"] {
        service.call("GET", path).send().await.expect(200);
    }
    held.end().await.expect(200);
    service.call("GET", "/").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_body_does_not_arrive_holds_no_permit() {
    let service = Service::start_with(Backend::Sqlite, &[("MAX_REQUESTS", "1")]).await;
    let mut slow = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    service.call("GET", "/").send().await.expect(200);
    slow.write_all(b"{}").await.unwrap();
    assert!(answer(&mut slow).await.starts_with("HTTP/1.1 422"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_too_many_pending_bodies_the_oldest_is_evicted() {
    let service = Service::start_with(Backend::Sqlite, &[("MAX_REQUESTS", "2")]).await;
    let mut first = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    let mut second = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    let mut third = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    let given_up = answer(&mut first).await;
    assert!(given_up.starts_with("HTTP/1.1 503") && given_up.contains("service_unavailable"), "{given_up}");
    for stream in [&mut second, &mut third] {
        stream.write_all(b"{}").await.unwrap();
        assert!(answer(stream).await.starts_with("HTTP/1.1 422"));
    }
}

/// Requests whose bodies do not come.
#[derive(Default)]
struct HalfSent {
    bodies: Vec<h2::SendStream<Bytes>>,
    answers: JoinSet<u16>,
}

/// Half of a login from each of 30 addresses in each of these networks, as far as the limits of a
/// client allow.
async fn send_halves(url: &str, networks: std::ops::Range<u16>, sent: &mut HalfSent) {
    for first in networks.clone().step_by(4) {
        let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        for network in (first..first + 4).filter(|network| networks.contains(network)) {
            for number in 0..30 {
                let operation = ["login", "register", "refresh"][number / 10];
                let address =
                    Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, u16::try_from(number).unwrap());
                let request = poem::http::Request::post(format!("{url}/api/v1/auth/{operation}"))
                    .header("x-forwarded-for", address.to_string())
                    .header("content-type", "application/json")
                    .header("content-length", "100")
                    .body(())
                    .unwrap();
                client = client.ready().await.unwrap();
                let (answer, mut body) = client.send_request(request, false).unwrap();
                body.send_data(Bytes::from_static(b"{"), false).unwrap();
                sent.answers.spawn(async move { answer.await.unwrap().status().as_u16() });
                sent.bodies.push(body);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_logins_from_many_networks_do_not_refuse_other_clients() {
    let settings = [
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("RATE_LIMIT_PER_MINUTE", "60"),
        ("AUTH_RATE_LIMIT_PER_MINUTE", "10"),
        // Nothing but the limits makes room.
        ("HEADER_TIMEOUT", "3600"),
        ("KEEP_ALIVE_TIMEOUT", "3600"),
        ("BODY_TIMEOUT", "3000"),
        ("REQUEST_TIMEOUT", "3600"),
    ];
    let service = Service::start_with(Backend::Sqlite, &settings).await;
    let mut sent = HalfSent::default();
    for networks in [0..34, 34..204] {
        send_halves(&service.instance.url, networks, &mut sent).await;
        // MAX_REQUESTS of them are waited for, when all have come.
        while sent.answers.len() > 1000 {
            let given_up = timeout(LIMIT, sent.answers.join_next()).await.expect("an answer").unwrap();
            assert_eq!(given_up.unwrap(), 503);
        }
        let mine = |call: crate::support::Call| call.header("x-forwarded-for", "198.51.100.1").send();
        for _ in 0..4 {
            mine(service.call("GET", "/")).await.expect(200);
            let credentials =
                serde_json::json!({"email": fresh_email(), "password": "correct horse battery"});
            mine(service.call("POST", "/api/v1/auth/register").json(credentials)).await.expect(201);
        }
    }
    assert_eq!(sent.bodies.len(), 204 * 30);
}
