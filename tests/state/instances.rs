//! Several instances that share a database and a Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Backend, Call, Service, redis as servers};

const CLIENTS: usize = 50;
const REQUESTS: usize = 10_000;
const LIMIT: usize = 1_000;

/// How many of all requests are let through when many clients behind one address send them to all
/// instances.
async fn let_through(urls: Vec<String>) -> usize {
    let (urls, next, passed) = (Arc::new(urls), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (urls, next, passed) = (Arc::clone(&urls), Arc::clone(&next), Arc::clone(&passed));
        clients.spawn(async move {
            let client = reqwest::Client::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= REQUESTS {
                    return;
                }
                let url = format!("{}/", urls[number % urls.len()]);
                let status = client.get(url).send().await.unwrap().status().as_u16();
                assert!(matches!(status, 200 | 429), "{status}");
                passed.fetch_add(usize::from(status == 200), Ordering::Relaxed);
            }
        });
    }
    clients.join_all().await;
    passed.load(Ordering::Relaxed)
}

/// In less than a minute: after that, the first requests do not count any more.
async fn exactly_the_limit_is_allowed(attempt: impl AsyncFn() -> usize) {
    for _ in 0..5 {
        let start = Instant::now();
        let passed = attempt().await;
        if start.elapsed() < Duration::from_mins(1) {
            assert_eq!(passed, LIMIT);
            return;
        }
    }
    panic!("never fast enough to tell");
}

async fn three_instances_with(redis: &str) -> usize {
    let limits = [
        ("RATE_LIMIT_PER_MINUTE", "1000"),
        ("REDIS_URL", redis),
        ("REDIS_KEY_PREFIX", &servers::fresh_prefix()),
    ];
    let service = Service::start_with(Backend::Postgres, &limits).await;
    let others = [service.another_instance().await, service.another_instance().await];
    let urls =
        std::iter::once(&service.instance).chain(&others).map(|instance| instance.url.clone()).collect();
    let passed = let_through(urls).await;
    // Had Redis been given up meanwhile, each instance would have counted for itself.
    assert_eq!(ready(&service.instance.url).await, "ok");
    passed
}

async fn ready(url: &str) -> String {
    let answer = Call::new(url, "GET", "/api/v1/health/ready").send().await.expect(200);
    answer.json()["status"].as_str().unwrap().to_owned()
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_requests_to_three_instances_exactly_the_limit_is_allowed_in_redis() {
    exactly_the_limit_is_allowed(async || three_instances_with(&servers::server()).await).await;
}

#[ignore = "needs a Redis Cluster"]
#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_requests_to_three_instances_exactly_the_limit_is_allowed_in_a_cluster() {
    exactly_the_limit_is_allowed(async || three_instances_with(&servers::cluster()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_requests_to_one_instance_exactly_the_limit_is_allowed_in_process() {
    exactly_the_limit_is_allowed(async || {
        let service = Service::start_with(Backend::Sqlite, &[("RATE_LIMIT_PER_MINUTE", "1000")]).await;
        let_through(vec![service.instance.url.clone()]).await
    })
    .await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_one_instance_is_seen_by_a_cached_read_on_another() {
    let service = Service::start(Backend::Postgres).await;
    let (admin, user, other) =
        (service.superuser().await, service.user().await, service.another_instance().await);
    let path = format!("/api/v1/users/{}", user.id);
    let read = async |url: &str| Call::new(url, "GET", &path).bearer(&admin.access).send().await;
    for name in ["Ada", "Grace", "Hedy"] {
        for url in [&service.instance.url, &other.url] {
            read(url).await.expect(200);
        }
        let change = service.by(&user, "PATCH", "/api/v1/users/me").json(json!({ "full_name": name }));
        change.send().await.expect(200);
        for url in [&service.instance.url, &other.url] {
            assert_eq!(read(url).await.expect(200).json()["full_name"], name);
        }
    }
    service.by(&admin, "DELETE", &path).send().await.expect(204);
    read(&other.url).await.expect_error(404, "not_found");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_session_ended_on_one_instance_is_ended_on_all() {
    let service = Service::start(Backend::Postgres).await;
    let (user, other) = (service.user().await, service.another_instance().await);
    let me = async || Call::new(&other.url, "GET", "/api/v1/users/me").bearer(&user.access).send().await;
    me().await.expect(200);
    service.by(&user, "POST", "/api/v1/auth/logout").send().await.expect(204);
    me().await.expect_error(401, "invalid_token");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn readiness_lists_every_dependency_with_its_tier() {
    let service = Service::start(Backend::Postgres).await;
    let answer = service.call("GET", "/api/v1/health/ready").send().await.expect(200).json();
    let tiers: Vec<_> =
        answer["dependencies"].as_array().unwrap().iter().map(|entry| &entry["tier"]).collect();
    assert_eq!(tiers, ["postgresql", "redis", "postgresql"]);
    assert!(answer["dependencies"][1]["latency_ms"].as_f64().unwrap() > 0.0);
}
