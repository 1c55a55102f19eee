//! What a request costs in calls to Redis, as Redis counts them.

use crate::support::redis::RedisServer;
use crate::support::{Backend, Service};

/// Calls that clients have made, by the commands that no script uses: Redis counts those of scripts
/// too.
async fn calls(redis: &RedisServer) -> u64 {
    let stats: String = redis.ask(redis::cmd("INFO").arg("commandstats")).await.unwrap();
    let count = |line: &str| {
        let (_, calls) = line.split_once("calls=")?;
        calls.split(',').next()?.parse::<u64>().ok()
    };
    let by_clients = ["evalsha", "eval", "get", "set", "del", "ping", "exists", "script|load"];
    let is_counted =
        |line: &&str| by_clients.iter().any(|name| line.starts_with(&format!("cmdstat_{name}:")));
    stats.lines().filter(is_counted).filter_map(count).sum()
}

async fn service_with_a_redis_of_its_own() -> (Service, RedisServer) {
    let redis = RedisServer::start().await;
    let service = Service::start_with(Backend::Sqlite, &[("REDIS_URL", &redis.url())]).await;
    (service, redis)
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_limited_request_costs_one_call() {
    let (service, redis) = service_with_a_redis_of_its_own().await;
    let user = service.user().await;
    service.me(&user.access).await.expect(200);
    let before = calls(&redis).await;
    for _ in 0..10 {
        service.me(&user.access).await.expect(200);
    }
    assert_eq!(calls(&redis).await - before, 10);
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_cached_read_costs_one_more_call_and_only_the_query_of_authentication() {
    let (service, redis) = service_with_a_redis_of_its_own().await;
    let admin = service.superuser().await;
    let path = format!("/api/v1/users/{}", admin.id);
    service.by(&admin, "GET", &path).send().await.expect(200);
    let before = calls(&redis).await;
    for _ in 0..10 {
        service.by(&admin, "GET", &path).send().await.expect(200);
    }
    assert_eq!(calls(&redis).await - before, 20);
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn an_unlimited_request_costs_none() {
    let (service, redis) = service_with_a_redis_of_its_own().await;
    let before = calls(&redis).await;
    for _ in 0..10 {
        service.call("GET", "/api/v1/health/live").send().await.expect(200);
    }
    assert_eq!(calls(&redis).await - before, 0);
}
