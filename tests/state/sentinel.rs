//! A Redis by its Sentinels: how the master is found, and followed when it moves.

use std::sync::Arc;

use groundwork_state::rate_limit::RateLimitKey;

use crate::state::faults::{Load, service_with, standing, until};
use crate::state::process;
use crate::state::stores::Store;
use crate::state::watched::{Watched, replication};
use crate::state::ways::{certificate_of_another, make_certificates, start_with_tls};
use crate::support::redis::{RedisServer, candidate_port, eventually, fresh_prefix};

/// A busy machine must not take a server for away.
const PATIENT: (&str, &str) = ("REDIS_TIMEOUT", "2000");

async fn works(url: &str) -> bool {
    let store = Store::at(url);
    let redis = store.redis.as_ref().unwrap();
    let written: Result<(), _> =
        redis.call("key", |key| redis::cmd("SET").arg(key).arg("value").take()).await;
    written.is_ok() && redis.is_available()
}

async fn has(server: &RedisServer, key: &str) -> bool {
    server.ask(redis::cmd("EXISTS").arg(key)).await.unwrap_or(false)
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn when_the_master_fails_limits_apply_in_process_and_then_in_the_new_master() {
    let mut watched = Watched::by_three().await;
    let service = service_with(&watched.url(), &[PATIENT]).await;
    let admin = service.superuser().await;
    let profile = format!("/api/v1/users/{}", admin.id);
    until(&service, "ok").await;
    let ready = service.call("GET", "/api/v1/health/ready").send().await.expect(200).json();
    assert_eq!(ready["dependencies"][1]["tier"], "redis_sentinel");
    service.by(&admin, "GET", &profile).send().await.expect(200);
    let [counts, cached] = [
        "groundwork:rate_limit:127.0.0.1:/api/v1/users/me".to_owned(),
        format!("groundwork:users:get_user_profile:{}", admin.id),
    ];
    let load = Load::on(&service, &admin.access);
    load.answers(50).await;
    assert!(has(&watched.servers[0], &counts).await && has(&watched.servers[0], &cached).await);
    watched.are_ready().await;
    watched.servers[0].kill();
    until(&service, "degraded").await;
    load.answers(50).await;
    until(&service, "ok").await;
    let promoted = &watched.servers[1];
    assert!(replication(promoted).await.contains("role:master"));
    promoted.ask::<()>(&redis::cmd("FLUSHALL")).await.unwrap();
    load.answers(50).await;
    service.by(&admin, "GET", &profile).send().await.expect(200);
    assert!(has(promoted, &counts).await && has(promoted, &cached).await);
    assert_eq!(standing(&service.instance).await, "ok");
    load.end().await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_manual_failover_is_followed() {
    let watched = Watched::by_three().await;
    let (prefix, client) = (fresh_prefix(), "192.0.2.1");
    let store = Store::with_prefix(&watched.url(), &prefix);
    let limiter = store.limiter();
    let hit = async || {
        limiter.check(RateLimitKey::for_client(client.parse().unwrap(), &Arc::from("/")), 1_000).await
    };
    let counts = format!("{prefix}rate_limit:{client}:/");
    hit().await;
    assert!(has(&watched.servers[0], &counts).await);
    watched.are_ready().await;
    let failover = redis::cmd("SENTINEL").arg("FAILOVER").arg("main").take();
    eventually("the failover begins", async || watched.sentinels[0].ask::<()>(&failover).await.is_ok()).await;
    eventually("the former master is a replica", async || {
        hit().await;
        replication(&watched.servers[0]).await.contains("role:slave")
    })
    .await;
    watched.servers[1].ask::<()>(redis::cmd("DEL").arg(&counts)).await.unwrap();
    eventually("requests are counted in the new master", async || {
        hit().await;
        has(&watched.servers[1], &counts).await
    })
    .await;
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn the_master_is_found_in_spite_of_unreachable_sentinels() {
    let mut watched = Watched::start(0, 3).await;
    watched.sentinels[0].freeze();
    watched.sentinels[1].kill();
    // A server that is no Sentinel, in front of all.
    watched.sentinels.insert(0, RedisServer::start().await);
    assert!(works(&watched.url()).await);
    let another_name = watched.url().replace("/main/", "/other/");
    assert!(!works(&another_name).await, "no Sentinel knows that name");
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_not_used_as_the_master() {
    let watched = Watched::start(1, 1).await;
    assert!(works(&watched.url()).await);
    // A Sentinel that has a replica for the master, as after a failover that it has not heard of.
    let line = format!("sentinel monitor main 127.0.0.1 {} 1\n", watched.servers[1].port);
    let mistaken = RedisServer::start_sentinel(&line).await;
    assert!(!works(&format!("redis+sentinel://127.0.0.1:{}/main", mistaken.port)).await);
    let both =
        format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main", mistaken.port, watched.sentinels[0].port);
    assert!(works(&both).await);
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_sent_to_the_master_and_to_a_sentinel_that_requires_it() {
    let (require, protect) =
        (["CONFIG", "SET", "requirepass", "hunter2"], ["ACL", "SETUSER", "default", ">hunter2"]);
    for sentinel_asks in [false, true] {
        let watched = Watched::by_one().await;
        watched.servers[0].ask::<()>(redis::cmd(require[0]).arg(&require[1..])).await.unwrap();
        if sentinel_asks {
            let set = redis::cmd(protect[0]).arg(&protect[1..]).arg("resetkeys").take();
            watched.sentinels[0].ask::<()>(&set).await.unwrap();
        }
        assert!(works(&watched.url_with(":hunter2@")).await, "{sentinel_asks}");
        assert!(works(&watched.url_with("default:hunter2@")).await, "{sentinel_asks}");
        assert!(!works(&watched.url_with(":wrong@")).await, "{sentinel_asks}");
        assert!(!works(&watched.url()).await, "{sentinel_asks}");
    }
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_before_its_sentinels_and_finds_the_master_later() {
    let mut watched = Watched::by_one().await;
    watched.sentinels[0].kill();
    let service = process::start(&watched.url(), "").await;
    assert_eq!(process::standing(&service).await, "degraded");
    watched.sentinels[0].restart().await;
    eventually("it is ok", async || process::standing(&service).await == "ok").await;
    assert!(process::lines_with(&service, "redis_sentinel") > 0, "{}", service.log());
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_master_are_reached_by_tls_only_with_trusted_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let [ca, key, certificate] = make_certificates(folder.path());
    let (master, tls_port) = start_with_tls(&key, &certificate).await;
    let sentinel_port = candidate_port();
    let configuration = format!(
        "tls-port {sentinel_port}\ntls-cert-file {certificate}\ntls-key-file {key}\ntls-ca-cert-file {ca}\n\
         tls-auth-clients no\ntls-replication yes\nsentinel monitor main 127.0.0.1 {tls_port} 1\n"
    );
    let sentinel = RedisServer::start_sentinel(&configuration).await;
    let url = format!("rediss+sentinel://localhost:{sentinel_port}/main");
    let trusting = process::start(&url, &ca).await;
    eventually("it is ok", async || process::standing(&trusting).await == "ok").await;
    trusting.call("GET", "/").send().await.expect(200);
    assert!(has(&master, "groundwork:rate_limit:127.0.0.1:/").await);
    let another = certificate_of_another(folder.path());
    assert_eq!(process::standing(&process::start(&url, &another).await).await, "degraded");
    // Neither is reached without TLS by an address that asks for it.
    let plain = format!("rediss+sentinel://localhost:{}/main", sentinel.port);
    assert_eq!(process::standing(&process::start(&plain, &ca).await).await, "degraded");
}
