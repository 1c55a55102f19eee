//! Keys that Redis refuses while it serves all others.

use std::sync::Arc;

use groundwork_state::cache::{Cache, Cached};
use groundwork_state::rate_limit::{RateLimitKey, RateLimiter};
use serde::{Deserialize, Serialize};

use crate::state::process;
use crate::state::stores::Store;
use crate::support::redis::{RedisServer, ask, eventually, fresh_prefix, server};

const DAMAGED: &str = "192.0.2.1";
const OTHER: &str = "192.0.2.2";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Number(u32);

impl Cached for Number {
    const PREFIX: &'static str = "refused:number";
}

async fn allowed(limiter: &RateLimiter, client: &str) -> bool {
    limiter.check(RateLimitKey::for_client(client.parse().unwrap(), &Arc::from("/things")), 2).await.allowed
}

async fn cached(cache: &Cache, key: &str, now: u32) -> u32 {
    cache.cached(key, async || Ok::<_, ()>(Number(now))).await.unwrap().0
}

/// Plants a key of another type than the service's own.
async fn plant(url: &str, key: &str) {
    ask::<()>(url, redis::cmd("SET").arg(key).arg("planted")).await.unwrap();
}

async fn a_damaged_key_falls_back_to_the_process_and_others_stay_shared(url: &str) {
    let prefix = fresh_prefix();
    let [one, two] = [0, 1].map(|_| Store::with_prefix(url, &prefix));
    let (limiters, caches) = ([one.limiter(), two.limiter()], [one.cache(), two.cache()]);
    let limit = format!("{prefix}rate_limit:{DAMAGED}:/things");
    let handle = one.redis.clone().unwrap();
    let plant = async |key: &str| {
        let planted: Result<(), _> = handle
            .call(key.strip_prefix(&prefix).unwrap(), |key| redis::cmd("SET").arg(key).arg("planted").take())
            .await;
        planted.unwrap();
    };
    plant(&limit).await;
    plant(&format!("{prefix}damaged")).await;
    // Each instance counts for itself, twice the limit in all.
    for limiter in &limiters {
        assert!(allowed(limiter, DAMAGED).await && allowed(limiter, DAMAGED).await);
        assert!(!allowed(limiter, DAMAGED).await);
    }
    // Both together count what is not damaged.
    assert!(allowed(&limiters[0], OTHER).await && allowed(&limiters[1], OTHER).await);
    assert!(!allowed(&limiters[0], OTHER).await && !allowed(&limiters[1], OTHER).await);
    for (now, cache) in (1..).zip(&caches) {
        assert_eq!(cached(cache, "damaged", now).await, now, "it is loaded each time");
        assert_eq!(cached(cache, "other", now).await, 1, "it is shared");
    }
    assert!([one, two].iter().all(|store| store.redis.as_ref().unwrap().is_available()));
    // Deletion heals.
    let healed: Result<(), _> = handle.delete(&format!("rate_limit:{DAMAGED}:/things")).await;
    healed.unwrap();
    caches[0].delete("damaged").await;
    assert!(allowed(&limiters[0], DAMAGED).await && allowed(&limiters[1], DAMAGED).await);
    assert!(!allowed(&limiters[0], DAMAGED).await);
    assert_eq!(cached(&caches[0], "damaged", 3).await, 3);
    assert_eq!(cached(&caches[1], "damaged", 4).await, 3);
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_affects_no_other_in_redis() {
    a_damaged_key_falls_back_to_the_process_and_others_stay_shared(&server()).await;
}

#[ignore = "needs a Redis Cluster"]
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_affects_no_other_in_a_cluster() {
    let cluster = crate::support::redis::cluster();
    a_damaged_key_falls_back_to_the_process_and_others_stay_shared(&cluster).await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn damaged_keys_are_logged_once_and_the_service_stays_ready() {
    let redis = RedisServer::start().await;
    let service = process::start(&redis.url(), "").await;
    eventually("it is ok", async || process::standing(&service).await == "ok").await;
    for route in ["/", "/api/v1/users/me"] {
        plant(&redis.url(), &format!("groundwork:rate_limit:127.0.0.1:{route}")).await;
    }
    for _ in 0..20 {
        service.call("GET", "/").send().await.expect(200);
        service.call("GET", "/api/v1/users/me").send().await.expect(401);
    }
    eventually("it is logged", async || process::lines_with(&service, "Redis refuses a key") > 0).await;
    assert_eq!(process::lines_with(&service, "Redis refuses a key"), 1);
    assert_eq!(process::lines_with(&service, "Redis is unavailable"), 0);
    assert_eq!(process::standing(&service).await, "ok");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn rights_to_keys_with_the_prefix_suffice_also_after_an_outage() {
    let redis = RedisServer::start().await;
    // As docs/operations.md has it.
    let rights = ["SETUSER", "app", "on", ">hunter2", "~groundwork:*", "+@read", "+@write", "+@scripting"];
    let more = ["+@connection", "+time", "+role"];
    redis.ask::<()>(redis::cmd("ACL").arg(&rights).arg(&more)).await.unwrap();
    let url = redis.url().replace("redis://", "redis://app:hunter2@");
    let store = Store::with_prefix(&url, "groundwork:");
    let handle = store.redis.clone().unwrap();
    let (limiter, cache) = (store.limiter(), store.cache());
    assert!(allowed(&limiter, OTHER).await);
    assert_eq!(cached(&cache, "a", 1).await, 1);
    assert_eq!(cached(&cache, "a", 2).await, 1);
    assert!(handle.is_available() && handle.ping().await.is_ok());
    redis.freeze();
    assert!(allowed(&limiter, OTHER).await && !handle.is_available());
    redis.thaw();
    eventually("it answers again", async || handle.is_available()).await;
    assert_eq!(cached(&cache, "a", 3).await, 1);
    cache.delete("a").await;
    assert!(handle.is_available());
    assert_eq!(cached(&cache, "a", 4).await, 4);
}
