//! What moves which metric.

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::begun::begun;
use crate::support::client::PASSWORD;
use crate::support::held::Held;
use crate::support::redis::{RedisServer, eventually};
use crate::support::{Backend, TestDatabase};
use crate::telemetry::process::Process;

const REQUESTS: &str = "groundwork_http_requests_total";

async fn connect(process: &Process) -> TcpStream {
    TcpStream::connect(process.url.strip_prefix("http://").unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_the_template_of_their_route() {
    let process = Process::start(&[]).await;
    let (id, access) = process.user("ada@example.com").await;
    for id in [id, id + 1, id + 2] {
        process.call("GET", &format!("/api/v1/users/{id}")).bearer(&access).send().await.expect(403);
    }
    let scrape = process.scrape().await;
    let route = [("route", "/api/v1/users/{id}"), ("method", "GET")];
    let with = |more| [&route[..], &[more]].concat();
    assert_eq!(scrape.get(REQUESTS, &with(("status", "403"))), Some(3.0));
    let duration = "groundwork_http_request_duration_seconds";
    assert_eq!(scrape.get(&format!("{duration}_count"), &with(("class", "4xx"))), Some(3.0));
    assert_eq!(
        scrape.get(&format!("{duration}_bucket"), &[&route[..], &[("le", "+Inf")]].concat()),
        Some(3.0)
    );
    assert_eq!(scrape.get("groundwork_http_requests_in_flight", &[]), Some(0.0));
    for phase in ["queue", "work"] {
        let hashes = scrape.get("groundwork_password_hash_seconds_count", &[("phase", phase)]);
        assert_eq!(hashes, Some(2.0), "registration and log-in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_invented_by_a_client_create_no_labels() {
    let process = Process::start(&[("RATE_LIMIT_ENABLED", "false")]).await;
    let before = process.scrape().await.series.len();
    let client = reqwest::Client::new();
    for number in 0..300 {
        let method = reqwest::Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        let url = format!("{}/nowhere/{number}?q={number}", process.url);
        assert_eq!(client.get(&url).send().await.unwrap().status(), 404);
        assert_eq!(
            client
                .request(method, format!("{}/api/v1/users/{number}", process.url))
                .send()
                .await
                .unwrap()
                .status(),
            405
        );
    }
    let scrape = process.scrape().await;
    assert_eq!(
        scrape.get(REQUESTS, &[("route", "other"), ("method", "GET"), ("status", "404")]),
        Some(300.0)
    );
    assert_eq!(
        scrape.get(REQUESTS, &[("route", "other"), ("method", "other"), ("status", "405")]),
        Some(300.0)
    );
    assert_eq!(scrape.values_of("route").into_iter().collect::<Vec<_>>(), ["other"]);
    assert_eq!(scrape.values_of("method").into_iter().collect::<Vec<_>>(), ["GET", "other"]);
    let added = scrape.series.len() - before;
    assert!(added < 60, "{added} series for 600 requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limit_decisions_are_counted_by_limit() {
    let limits = [("RATE_LIMIT_PER_MINUTE", "2"), ("ACCOUNT_RATE_LIMIT_PER_MINUTE", "1")];
    let process = Process::start(&limits).await;
    for status in [200, 200, 429] {
        process.call("GET", "/").send().await.expect(status);
    }
    for status in [401, 429] {
        let body = json!({"email": "nobody@example.com", "password": PASSWORD});
        process.call("POST", "/api/v1/auth/login").json(body).send().await.expect(status);
    }
    let scrape = process.scrape().await;
    for (limit, decision, expected) in [
        ("general", "allowed", 2.0),
        ("general", "refused", 1.0),
        ("credentials", "allowed", 2.0),
        ("credentials", "refused", 0.0),
        ("account", "allowed", 1.0),
        ("account", "refused", 1.0),
    ] {
        let labels = [("limit", limit), ("decision", decision)];
        let counted = scrape.get("groundwork_rate_limit_decisions_total", &labels);
        assert_eq!(counted, Some(expected), "{limit} {decision}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_lookups_are_counted_by_result() {
    let process = Process::start(&[]).await;
    let (id, access) = process.user("ada@example.com").await;
    process.database.sql("UPDATE users SET is_superuser = TRUE").await;
    for _ in 0..3 {
        process.call("GET", &format!("/api/v1/users/{id}")).bearer(&access).send().await.expect(200);
    }
    let scrape = process.scrape().await;
    for (result, expected) in [("hit", 2.0), ("miss", 1.0), ("shared", 0.0)] {
        let counted = scrape.get("groundwork_cache_requests_total", &[("result", result)]);
        assert_eq!(counted, Some(expected), "{result}");
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_shed_is_counted() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let process = Process::start_on(database, &[("METRICS_PORT", "0"), ("MAX_REQUESTS", "1")]).await;
    let (_, access) = process.user("ada@example.com").await;
    let change = process.call("PATCH", "/api/v1/users/me").bearer(&access);
    let held = Held::begin(&process.database, change).await;
    process.call("GET", "/").send().await.expect_error(503, "service_unavailable");
    let scrape = process.scrape().await;
    assert_eq!(scrape.get("groundwork_http_requests_shed_total", &[]), Some(1.0));
    assert_eq!(scrape.get("groundwork_http_requests_in_flight", &[]), Some(1.0), "the one that is held");
    held.end().await.expect(200);
    let under_way = async || process.scrape().await.get("groundwork_http_requests_in_flight", &[]);
    eventually("it is not under way any more", async || under_way().await == Some(0.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evicted_body_is_counted_as_shed() {
    let process = Process::start(&[("MAX_REQUESTS", "1")]).await;
    let _given_up = begun(&process.url, "/api/v1/auth/login", 2).await;
    let _waited_for = begun(&process.url, "/api/v1/auth/login", 2).await;
    let scrape = process.scrape().await;
    assert_eq!(scrape.get("groundwork_http_requests_shed_total", &[]), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_closed_for_a_new_one_is_counted() {
    let process = Process::start(&[("MAX_CONNECTIONS", "1")]).await;
    let mut evicted = connect(&process).await;
    process.call("GET", "/").send().await.expect(200);
    drop(evicted.read_to_end(&mut Vec::new()).await);
    let scrape = process.scrape().await;
    assert_eq!(scrape.get("groundwork_connections_evicted_total", &[]), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn open_and_refused_connections_are_counted() {
    let process = Process::start(&[("MAX_CONNECTIONS_PER_IP", "2")]).await;
    let state = async || {
        let scrape = process.scrape().await;
        let get = |name| scrape.get(name, &[]).unwrap();
        (get("groundwork_connections_open"), get("groundwork_connections_refused_total"))
    };
    assert_eq!(state().await, (0.0, 0.0));
    let kept = [connect(&process).await, connect(&process).await];
    eventually("two are open", async || state().await == (2.0, 0.0)).await;
    let mut refused = connect(&process).await;
    // Closed without a byte.
    drop(refused.read_to_end(&mut Vec::new()).await);
    assert_eq!(state().await, (2.0, 1.0));
    drop(kept);
    eventually("none is open", async || state().await == (0.0, 1.0)).await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn the_loss_and_the_return_of_redis_are_shown() {
    let mut redis = RedisServer::start().await;
    let process = Process::start(&[("REDIS_URL", &redis.url())]).await;
    let up = async || process.scrape().await.get("groundwork_redis_up", &[]);
    assert_eq!(up().await, Some(1.0));
    redis.kill();
    process.call("GET", "/").send().await.expect(200);
    eventually("Redis is away", async || up().await == Some(0.0)).await;
    redis.restart().await;
    eventually("Redis is back", async || up().await == Some(1.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_sessions_are_counted_by_reason() {
    let process = Process::start(&[]).await;
    let (_, access) = process.user("ada@example.com").await;
    process.call("POST", "/api/v1/auth/logout").bearer(&access).send().await.expect(204);
    let (id, access) = process.user("eve@example.com").await;
    let body = json!({"email": "eve@example.com", "password": PASSWORD});
    process.call("POST", "/api/v1/auth/login").json(body).send().await.expect(200);
    let change = json!({"current_password": PASSWORD, "password": "another horse battery"});
    let change = process.call("PATCH", "/api/v1/users/me").bearer(&access).json(change);
    assert!(change.send().await.status.is_success(), "{id}");
    let scrape = process.scrape().await;
    for (reason, expected) in
        [("logout", 1.0), ("password_changed", 2.0), ("replay", 0.0), ("deactivated", 0.0)]
    {
        let counted = scrape.get("groundwork_sessions_revoked_total", &[("reason", reason)]);
        assert_eq!(counted, Some(expected), "{reason}");
    }
}
