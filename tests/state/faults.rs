//! Redis killed, frozen, flushed, cut off and failed over, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::state::cluster::Cluster;
use crate::state::process;
use crate::state::stores::Store;
use crate::support::redis::{RedisServer, eventually};
use crate::support::{Backend, Call, Instance, Proxy, Service};

/// What a Redis that does not answer costs: not long, and a busy machine may take it for away for a
/// moment.
const SHORT_TIMEOUTS: Duration = Duration::from_millis(300);

async fn service_at(redis: &str) -> Service {
    service_with(redis, &[("REDIS_TIMEOUT", &SHORT_TIMEOUTS.as_millis().to_string())]).await
}

pub async fn service_with(redis: &str, extra: &[(&'static str, &str)]) -> Service {
    Service::start_with(Backend::Sqlite, &[&[("REDIS_URL", redis)], extra].concat()).await
}

pub async fn standing(instance: &Instance) -> String {
    let answer = Call::new(&instance.url, "GET", "/api/v1/health/ready").send().await.expect(200).json();
    let state = &answer["dependencies"][1]["status"];
    assert_eq!(answer["status"], *state);
    state.as_str().unwrap().to_owned()
}

pub async fn until(service: &Service, wanted: &str) {
    eventually(wanted, async || standing(&service.instance).await == wanted).await;
}

/// Clients that call until they are stopped, and their counts of responses.
pub struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    clients: JoinSet<Vec<Duration>>,
}

impl Load {
    pub fn on(service: &Service, access: &str) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for _ in 0..8 {
            let (access, url) = (access.to_owned(), service.instance.url.clone());
            let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
            clients.spawn(async move {
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let start = Instant::now();
                    let call = Call::new(&url, "GET", "/api/v1/users/me").bearer(&access);
                    call.send().await.expect(200);
                    times.push(start.elapsed());
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                times
            });
        }
        Self { stop, answers, clients }
    }

    /// Waits for this many answers more.
    pub async fn answers(&self, more: usize) {
        let before = self.answers.load(Ordering::Relaxed);
        eventually("clients are answered", async || self.answers.load(Ordering::Relaxed) >= before + more)
            .await;
    }

    /// Ends the load and prints how long requests took: a figure, not a test.
    #[allow(clippy::print_stdout, reason = "with --nocapture it is what the reader wants")]
    pub async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = self.clients.join_all().await.concat();
        times.sort_unstable();
        let (median, slow) =
            (times[times.len() / 2], times.iter().filter(|time| **time >= SHORT_TIMEOUTS).count());
        println!(
            "{} requests, none failed; median {median:?}, slowest {:?}, {slow} took longer than {SHORT_TIMEOUTS:?}",
            times.len(),
            times[times.len() - 1]
        );
    }
}

/// Nothing but success, whatever is done to Redis.
async fn survives(service: &Service, hurt: impl AsyncFnOnce(), heal: impl AsyncFnOnce()) {
    let user = service.user().await;
    until(service, "ok").await;
    let load = Load::on(service, &user.access);
    load.answers(50).await;
    hurt().await;
    until(service, "degraded").await;
    load.answers(50).await;
    heal().await;
    until(service, "ok").await;
    load.answers(50).await;
    load.end().await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_under_load_fails_no_request_and_is_used_again_by_itself() {
    let mut redis = RedisServer::start().await;
    let service = service_at(&redis.url()).await;
    let redis = tokio::sync::Mutex::new(&mut redis);
    survives(&service, async || redis.lock().await.kill(), async || redis.lock().await.restart().await).await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn redis_frozen_under_load_fails_no_request_and_is_used_again_by_itself() {
    let redis = RedisServer::start().await;
    let service = service_at(&redis.url()).await;
    survives(&service, async || redis.freeze(), async || redis.thaw()).await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn redis_cut_off_under_load_fails_no_request_and_is_used_again_by_itself() {
    let redis = RedisServer::start().await;
    let proxy = Proxy::to(&redis.url()).await;
    let service = service_at(proxy.url.trim_end_matches('/')).await;
    survives(
        &service,
        async || proxy.freeze().await,
        async || {
            proxy.thaw();
            proxy.restore().await;
        },
    )
    .await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn flushing_redis_loses_only_counts_values_and_scripts() {
    let redis = RedisServer::start().await;
    let service = service_with(&redis.url(), &[("RATE_LIMIT_PER_MINUTE", "2")]).await;
    let call = async || service.call("GET", "/").send().await;
    for _ in 0..2 {
        call().await.expect(200);
    }
    call().await.expect_error(429, "rate_limited");
    redis.ask::<()>(&redis::cmd("FLUSHALL")).await.unwrap();
    redis.ask::<()>(redis::cmd("SCRIPT").arg("FLUSH")).await.unwrap();
    for _ in 0..2 {
        call().await.expect(200);
    }
    call().await.expect_error(429, "rate_limited");
    assert_eq!(standing(&service.instance).await, "ok");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_limits_apply_in_process_and_sessions_end_at_once() {
    let mut redis = RedisServer::start().await;
    let service = service_with(&redis.url(), &[("RATE_LIMIT_PER_MINUTE", "3")]).await;
    let user = service.user().await;
    redis.kill();
    until(&service, "degraded").await;
    for _ in 0..3 {
        service.call("GET", "/").send().await.expect(200);
    }
    service.call("GET", "/").send().await.expect_error(429, "rate_limited");
    service.by(&user, "POST", "/api/v1/auth/logout").send().await.expect(204);
    service.me(&user.access).await.expect_error(401, "invalid_token");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_made_during_a_redis_outage_is_seen_after_it() {
    let redis = RedisServer::start().await;
    let service = service_at(&redis.url()).await;
    let (admin, user) = (service.superuser().await, service.user().await);
    let path = format!("/api/v1/users/{}", user.id);
    let name = async || {
        let answer = service.by(&admin, "GET", &path).send().await.expect(200);
        answer.json()["full_name"].as_str().map(str::to_owned)
    };
    assert_eq!(name().await, None);
    redis.freeze();
    until(&service, "degraded").await;
    let change =
        service.by(&user, "PATCH", "/api/v1/users/me").json(serde_json::json!({ "full_name": "Ada" }));
    change.send().await.expect(200);
    assert_eq!(name().await.as_deref(), Some("Ada"));
    redis.thaw();
    until(&service, "ok").await;
    assert_eq!(name().await.as_deref(), Some("Ada"), "not what was cached before");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_redis_is_treated_as_unavailable() {
    let redis = RedisServer::start().await;
    let store = Store::at(&redis.url());
    let handle = store.redis.clone().unwrap();
    let (cache, key) = (store.cache(), "key");
    let set = |name: &str, value: &str| redis::cmd("CONFIG").arg("SET").arg(name).arg(value).take();
    redis.ask::<()>(&set("maxmemory", "1")).await.unwrap();
    assert_eq!(cache.cached(key, async || Ok::<_, ()>(Number(1))).await, Ok(Number(1)));
    assert!(!handle.is_available());
    redis.ask::<()>(&set("maxmemory", "0")).await.unwrap();
    eventually("it answers", async || handle.is_available()).await;
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Number(u32);

impl groundwork_state::cache::Cached for Number {
    const PREFIX: &'static str = "numbers";
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_used_again_after_a_replica_has_taken_over() {
    let mut cluster = Cluster::start().await;
    let service = service_with(&cluster.url(), &[]).await;
    let user = service.user().await;
    until(&service, "ok").await;
    let load = Load::on(&service, &user.access);
    // Every primary holds some keys; the one that dies holds those of this load.
    let key = "groundwork:rate_limit:127.0.0.1:/api/v1/users/me";
    let dead = cluster.kill_the_primary_of(key).await;
    eventually("the replica takes over", async || cluster.primary_of(key, dead).await.is_some()).await;
    until(&service, "ok").await;
    let before = cluster.hits(key, dead).await;
    let counts = async || cluster.hits(key, dead).await > before;
    eventually("requests are counted in the cluster again", counts).await;
    load.end().await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_state_is_logged_once() {
    let mut redis = RedisServer::start().await;
    let service = process::start(&redis.url(), "").await;
    for round in 1..=2 {
        redis.kill();
        eventually("it is degraded", async || process::standing(&service).await == "degraded").await;
        for _ in 0..20 {
            service.call("GET", "/").send().await.expect(200);
        }
        redis.restart().await;
        eventually("it is back", async || process::lines_with(&service, "Redis is available again") == round)
            .await;
        // What readiness found out before is told for a second.
        eventually("it says so", async || process::standing(&service).await == "ok").await;
        assert_eq!(process::lines_with(&service, "Redis is unavailable"), round);
    }
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_without_redis_and_connects_later() {
    let mut redis = RedisServer::start().await;
    redis.kill();
    let service = service_at(&redis.url()).await;
    assert_eq!(standing(&service.instance).await, "degraded");
    redis.restart().await;
    until(&service, "ok").await;
}
