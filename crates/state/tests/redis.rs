//! Limits and cache in process, and in the Redis that `TEST_REDIS_URL` names.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use groundwork_clock::Clock;
use groundwork_state::cache::{Cache, Cached};
use groundwork_state::rate_limit::{RateLimitDecision, RateLimitKey, RateLimiter};
use groundwork_state::redis::driver::{Client, Cmd, FromRedisValue, cmd};
use groundwork_state::redis::{Redis, RedisConfig};
use groundwork_state::url::RedisUrl;
use serde::{Deserialize, Serialize};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Span;

const TTL: Duration = Duration::from_mins(5);

/// Shorter than any test, and long enough for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(2);

static NEXT: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Thing {
    name: String,
}

impl Cached for Thing {
    const PREFIX: &'static str = "things";
}

/// The same thing in the next release.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct NewThing {
    name: String,
    colour: Option<String>,
}

impl Cached for NewThing {
    const PREFIX: &'static str = "things";
}

fn thing(name: &str) -> Thing {
    Thing { name: name.to_owned() }
}

/// A test that needs the server is ignored by `cargo test` and included by `./scripts/test`;
/// without the server it fails.
fn server() -> String {
    std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL must name a Redis for tests; ./scripts/test starts one")
}

fn fresh_prefix() -> String {
    format!("state_test_{}_{}:", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn redis_at(url: &str, key_prefix: &str) -> Redis {
    let url: RedisUrl = url.parse().unwrap();
    let key_prefix = key_prefix.to_owned();
    Redis::new(RedisConfig { url, key_prefix, timeout: TIMEOUT, call_span: Span::none })
}

/// Runs a test in process and in Redis.
macro_rules! in_both_stores {
    ($(async fn $name:ident($redis:ident: Option<Redis>) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn run($redis: Option<Redis>) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn in_process() {
                run(None).await;
            }

            #[ignore = "needs Redis"]
            #[tokio::test(flavor = "multi_thread")]
            async fn in_redis() {
                run(Some(redis_at(&server(), &fresh_prefix()))).await;
            }
        }
    )+};
}

/// Two instances that share a Redis.
fn instances() -> [Redis; 2] {
    let (url, prefix) = (server(), fresh_prefix());
    [0, 1].map(|_| redis_at(&url, &prefix))
}

fn key() -> RateLimitKey {
    RateLimitKey::for_client("192.0.2.1".parse().unwrap(), &Arc::from("/things/{id}"))
}

async fn cached(cache: &Cache, name: &str) -> Thing {
    cache.cached("a", async || Ok::<_, ()>(thing(name))).await.unwrap()
}

async fn ask<T: FromRedisValue>(url: &str, command: &Cmd) -> T {
    let mut connection = Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    command.query_async(&mut connection).await.unwrap()
}

async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A server's address that can be cut and restored.
struct Proxy {
    url: String,
    is_open: watch::Sender<bool>,
}

impl Proxy {
    async fn to(server: &str) -> io::Result<Self> {
        let address = server.trim_start_matches("redis://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("redis://{}", listener.local_addr()?);
        let (is_open, mut open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (address, mut cut) = (address.clone(), open.clone());
                if !*open.borrow_and_update() {
                    continue;
                }
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(address).await?;
                    tokio::select! {
                        copied = copy_bidirectional(&mut client, &mut server) => copied.map(drop),
                        _ = cut.wait_for(|is_open| !is_open) => Ok(()),
                    }
                });
            }
        });
        Ok(Self { url, is_open })
    }
}

in_both_stores! {
    async fn of_concurrent_requests_exactly_the_limit_is_allowed(redis: Option<Redis>) {
        let limiter = RateLimiter::new(redis, Clock::default());
        let mut tasks = JoinSet::new();
        for _ in 0..200 {
            let limiter = limiter.clone();
            tasks.spawn(async move { limiter.check(key(), 50).await.allowed });
        }
        let allowed = tasks.join_all().await.into_iter().filter(|allowed| *allowed).count();
        assert_eq!(allowed, 50, "{limiter:?}");
    }
}

in_both_stores! {
    async fn the_window_slides_with_each_request(redis: Option<Redis>) {
        let clock = Clock::default();
        let limiter = RateLimiter::new(redis, clock.clone());
        let check = async || limiter.check(key(), 2).await;
        let first = RateLimitDecision { allowed: true, limit: 2, remaining: 1, reset: 60 };
        assert_eq!(check().await, first);
        clock.advance(Duration::from_secs(30));
        assert!(check().await.allowed && !check().await.allowed);
        clock.advance(Duration::from_secs(30));
        assert!(check().await.allowed && !check().await.allowed, "only the first one has left the window");
    }
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn instances_count_together() {
    let [one, other] = instances();
    let [one, other] = [one, other].map(|redis| RateLimiter::new(Some(redis), Clock::default()));
    assert!(one.check(key(), 2).await.allowed && other.check(key(), 2).await.allowed);
    assert!(!one.check(key(), 2).await.allowed && !other.check(key(), 2).await.allowed);
}

in_both_stores! {
    async fn of_concurrent_callers_one_loads(redis: Option<Redis>) {
        let (cache, loads) = (Cache::new(redis, TTL, Clock::default()), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            tasks.spawn(async move {
                let load = async || {
                    loads.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok::<_, ()>(thing("one"))
                };
                cache.cached("a", load).await
            });
        }
        assert!(tasks.join_all().await.into_iter().all(|loaded| loaded == Ok(thing("one"))));
        assert_eq!(loads.load(Ordering::SeqCst), 1, "{cache:?}");
    }
}

in_both_stores! {
    async fn a_value_that_was_read_before_a_change_is_not_stored_after_it(redis: Option<Redis>) {
        let caches = |redis| [0, 1].map(|_| Cache::new(Some(Redis::clone(redis)), TTL, Clock::default()));
        let in_process = Cache::new(None, TTL, Clock::default());
        let [one, other] = redis.as_ref().map_or([in_process.clone(), in_process], caches);
        let load = async || {
            other.delete("a").await;
            Ok::<_, ()>(thing("old"))
        };
        assert_eq!(one.cached("a", load).await, Ok(thing("old")));
        assert_eq!(cached(&one, "new").await, thing("new"), "{one:?}");
    }
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn versions_of_a_type_are_cached_side_by_side_and_deleted_together() {
    let [one, other] = instances();
    let [old, new] = [one, other].map(|redis| Cache::new(Some(redis), TTL, Clock::default()));
    let new_thing = |name: &str| NewThing { name: name.to_owned(), colour: Some("red".to_owned()) };
    let load_new = async |name: &str| new.cached("a", async || Ok::<_, ()>(new_thing(name))).await.unwrap();
    assert_eq!(cached(&old, "a").await, thing("a"));
    assert_eq!(load_new("a").await, new_thing("a"));
    assert_eq!(cached(&old, "b").await, thing("a"));
    assert_eq!(load_new("b").await, new_thing("a"));
    old.delete("a").await;
    assert_eq!(load_new("b").await, new_thing("b"));
    assert_eq!(cached(&old, "b").await, thing("b"));
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn an_unavailable_redis_is_replaced_in_process_and_used_again_by_itself() {
    let server = server();
    let (proxy, prefix) = (Proxy::to(&server).await.unwrap(), fresh_prefix());
    let redis = redis_at(&proxy.url, &prefix);
    let limiter = RateLimiter::new(Some(redis.clone()), Clock::default());
    let cache = Cache::new(Some(redis.clone()), TTL, Clock::default());
    assert!(limiter.check(key(), 1).await.allowed);
    assert_eq!(cached(&cache, "old").await, thing("old"));

    proxy.is_open.send_replace(false);
    eventually("it is unavailable", async || redis.ping().await.is_err() && !redis.is_available()).await;
    assert!(limiter.check(key(), 1).await.allowed, "it is counted in process, from zero");
    assert!(!limiter.check(key(), 1).await.allowed);
    assert_eq!(cached(&cache, "now").await, thing("now"), "it is loaded each time");
    cache.delete("a").await;

    proxy.is_open.send_replace(true);
    eventually("it is available", async || redis.is_available()).await;
    assert!(!limiter.check(key(), 1).await.allowed, "it is counted in Redis again");
    assert_eq!(cached(&cache, "new").await, thing("new"), "the deletion was made up for");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_redis_refuses_affects_no_other() {
    let (server, prefix) = (server(), fresh_prefix());
    let redis = redis_at(&server, &prefix);
    ask::<()>(&server, cmd("SET").arg(format!("{prefix}{}", key())).arg("of another type")).await;
    let limiter = RateLimiter::new(Some(redis.clone()), Clock::default());
    assert!(limiter.check(key(), 1).await.allowed && !limiter.check(key(), 1).await.allowed);
    assert!(redis.is_available());
    redis.delete(&key().to_string()).await.unwrap();
    assert!(limiter.check(key(), 1).await.allowed, "it is counted in Redis, from zero");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn values_expire_within_their_time_and_not_together() {
    let server = server();
    let prefix = fresh_prefix();
    let cache = Cache::new(Some(redis_at(&server, &prefix)), TTL, Clock::default());
    let mut times = Vec::new();
    for n in 0..20 {
        cache.cached(&n.to_string(), async || Ok::<_, ()>(thing("one"))).await.unwrap();
        times.push(ask::<u64>(&server, cmd("PTTL").arg(format!("{prefix}{n}"))).await);
    }
    times.sort_unstable();
    assert!(times[0] >= 265_000 && times[19] <= 300_000 && times[19] - times[0] > 1_000, "{times:?}");
}
