//! The primary is lost or demoted while clients write, and a standby is promoted.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::faults::balancer::Balancer;
use crate::faults::load::Load;
use crate::faults::scene::{CLIENTS, LivenessProbe, SHORT_TIMEOUTS, WRITES, report, superuser, until_ready};
use crate::support::postgres::{Server, eventually};
use crate::support::process::Process;
use crate::support::{Call, TestDatabase};

/// How soon after a promotion writes go on, the time of a busy machine included. What it took is
/// printed.
const WRITES_GO_ON: Duration = Duration::from_secs(10);

/// A primary, and a standby that has all that was acknowledged.
async fn pair() -> (Server, Server) {
    let primary = Server::start(&[]).await;
    let standby = primary.replica(&["hot_standby=on"]).await;
    primary.commit_on(&standby).await;
    (primary, standby)
}

/// Both servers in one address.
fn both(primary: &Server, standby: &Server) -> String {
    format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write",
        primary.port, standby.port
    )
}

/// Clients write at `url`, the primary is lost, the standby is promoted: nothing acknowledged is
/// lost, and all that was refused meanwhile was a 503 with Retry-After, which the load insists on.
async fn fails_over(
    fault: &str,
    url: &str,
    before: &TestDatabase,
    standby: &Server,
    lose: impl AsyncFnOnce(),
) -> Process {
    let service = Process::start(&[&[("DATABASE_URL", url)], &SHORT_TIMEOUTS[..]].concat()).await;
    let admin = superuser(&service.url, before).await;
    let (liveness, load) = (LivenessProbe::start(&service.url), Load::on(&service.url, CLIENTS, &admin));
    load.writes(WRITES).await;
    lose().await;
    until_ready(&service.url, 503).await;
    let unready = Call::new(&service.url, "GET", "/api/v1/health/ready").send().await;
    unready.expect_error(503, "service_unavailable");
    let refused = || load.seen.refused.load(Ordering::Relaxed);
    eventually("writes are refused", async || (refused() > 0).then_some(())).await;
    standby.promote().await;
    let promoted = Instant::now();
    load.writes(1).await;
    let healed = promoted.elapsed();
    assert!(healed < WRITES_GO_ON, "{healed:?}");
    load.writes(WRITES).await;
    until_ready(&service.url, 200).await;
    liveness.expect_alive().await;
    let (ledger, tally) = load.end().await;
    assert_eq!(tally.unanswered, 0, "every request is answered");
    let findings = ledger.check(&standby.database()).await;
    report(fault, &tally.to_string(), healed, findings);
    service
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_promoted_after_its_primary_was_killed_has_everything_acknowledged() {
    let (mut primary, standby) = pair().await;
    let (url, before) = (both(&primary, &standby), primary.database());
    let lose = async || primary.kill();
    fails_over("the primary killed, its standby promoted", &url, &before, &standby, lose).await;
}

/// It takes connections and what is sent, and never answers: as behind a cut, or on a machine that
/// hangs.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_promoted_after_its_primary_froze_has_everything_acknowledged() {
    let (primary, standby) = pair().await;
    let (url, before) = (both(&primary, &standby), primary.database());
    let lose = async || primary.freeze();
    fails_over("the primary frozen, its standby promoted", &url, &before, &standby, lose).await;
}

#[ignore = "needs PostgreSQL and HAProxy"]
#[tokio::test(flavor = "multi_thread")]
async fn behind_haproxy_a_promoted_standby_has_everything_acknowledged() {
    let (mut primary, standby) = pair().await;
    let balancer = Balancer::start(&[&primary, &standby]).await;
    let (url, before) = (balancer.url(), primary.database());
    let lose = async || primary.kill();
    let fault = "the primary killed behind HAProxy, its standby promoted";
    fails_over(fault, &url, &before, &standby, lose).await;
}

/// No request is sent meanwhile, so that all connections seem usable.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_frozen_primary_are_not_used_after_a_failover() {
    let primary = Server::start(&[]).await;
    let standby = primary.replica(&["hot_standby=on"]).await;
    let url = both(&primary, &standby);
    // What waits for the frozen one would wait for longer than the test.
    let service = Process::start(&[("DATABASE_URL", url.as_str()), ("REQUEST_TIMEOUT", "600")]).await;
    let admin = superuser(&service.url, &primary.database()).await;
    eventually("several connections", async || {
        let calls = (0..8).map(|_| rename(&service, &admin));
        futures_util::future::join_all(calls).await.into_iter().for_each(|answer| drop(answer.expect(200)));
        (connections(&primary.database()).await.len() > 3).then_some(())
    })
    .await;
    eventually("the standby has it all", async || {
        let end = primary.database().sql("SELECT pg_current_wal_lsn()::text").await.unwrap();
        let replayed = format!("SELECT (pg_last_wal_replay_lsn() >= '{end}')::text");
        (standby.database().sql(&replayed).await.as_deref() == Some("true")).then_some(())
    })
    .await;
    primary.freeze();
    // Its first read hangs there, is cut off, and is asked again of the other one.
    let waiting = {
        let (url, admin) = (service.url.clone(), admin.clone());
        tokio::spawn(async move {
            let call = Call::new(&url, "PATCH", "/api/v1/users/me").bearer(&admin);
            call.json(json!({"full_name": "Grace"})).send().await
        })
    };
    standby.promote().await;
    let name = format!("127.0.0.1:{}", standby.port);
    eventually("the service has noticed", async || {
        let log = service.log();
        log.lines()
            .any(|line| line.contains("another database server takes writes") && line.contains(&name))
            .then_some(())
    })
    .await;
    let waited = tokio::time::timeout(WRITES_GO_ON, waiting).await.expect("an answer").unwrap();
    waited.expect(200);
    for _ in 0..8 {
        let answer = tokio::time::timeout(WRITES_GO_ON, rename(&service, &admin)).await.expect("an answer");
        answer.expect(200);
    }
}

async fn rename(service: &Process, token: &str) -> crate::support::client::Answer {
    let call = service.call("PATCH", "/api/v1/users/me").bearer(token);
    call.json(json!({"full_name": "Ada"})).send().await
}

/// The connections that the service has to this server.
async fn connections(database: &TestDatabase) -> Vec<String> {
    let pids = "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'Groundwork'";
    database.rows(pids).await.into_iter().flatten().collect()
}

/// What it says (25006) is all that tells: its connections live on.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_became_read_only_is_answered_503_and_its_connections_are_closed() {
    let server = Server::start(&[]).await;
    let database = server.database();
    // Reads go on there, as the address wants it.
    let url = server.url("127.0.0.1", "?target_session_attrs=any");
    let service = Process::start(&[("DATABASE_URL", url.as_str())]).await;
    let admin = superuser(&service.url, &database).await;
    rename(&service, &admin).await.expect(200);
    let old = connections(&database).await;
    assert!(!old.is_empty());
    database.sql("ALTER SYSTEM SET default_transaction_read_only = on").await;
    database.sql("SELECT pg_reload_conf()").await;
    eventually("writes are refused", async || {
        let answer = rename(&service, &admin).await;
        if answer.status.is_success() {
            return None;
        }
        answer.expect_error(503, "service_unavailable");
        Some(())
    })
    .await;
    eventually("no connection is left that was open before", async || {
        service.call("GET", "/api/v1/users/me").bearer(&admin).send().await.expect(200);
        // Lookups share a connection; writes at the same time use all that are idle.
        futures_util::future::join_all((0..10).map(|_| rename(&service, &admin))).await;
        let now = connections(&database).await;
        (!now.iter().any(|pid| old.contains(pid))).then_some(())
    })
    .await;
    assert!(service.log().contains("takes no writes any more"), "{}", service.log());
    database.sql("ALTER SYSTEM RESET default_transaction_read_only").await;
    database.sql("SELECT pg_reload_conf()").await;
    eventually("writes go on", async || rename(&service, &admin).await.status.is_success().then_some(()))
        .await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_primary_is_answered_503_until_it_is_promoted_again() {
    // With the usual address no connection to it is taken; where any is, its refusal of writes
    // tells.
    for options in ["", "?target_session_attrs=any"] {
        let mut server = Server::start(&[]).await;
        let database = server.database();
        let url = server.url("127.0.0.1", options);
        let service =
            Process::start(&[&[("DATABASE_URL", url.as_str())], &SHORT_TIMEOUTS[..]].concat()).await;
        let admin = superuser(&service.url, &database).await;
        let (liveness, load) = (LivenessProbe::start(&service.url), Load::on(&service.url, CLIENTS, &admin));
        load.writes(WRITES).await;
        server.demote().await;
        for _ in 0..3 {
            rename(&service, &admin).await.expect_error(503, "service_unavailable");
        }
        let reads = if options.is_empty() { 503 } else { 200 };
        // A lookup is sent again once; under load it may lose two connections of the time before.
        eventually("reads are answered as the address demands", async || {
            let read = service.call("GET", "/api/v1/users/me").bearer(&admin).send().await;
            (read.status.as_u16() == reads).then_some(())
        })
        .await;
        server.promote().await;
        let promoted = Instant::now();
        load.writes(1).await;
        let healed = promoted.elapsed();
        assert!(healed < WRITES_GO_ON, "{healed:?}");
        load.writes(WRITES).await;
        liveness.expect_alive().await;
        let (ledger, tally) = load.end().await;
        assert_eq!(tally.unanswered, 0, "every request is answered");
        let findings = ledger.check(&database).await;
        let fault = if options.is_empty() { "a primary demoted, promoted" } else { "the same, with `any`" };
        report(fault, &tally.to_string(), healed, findings);
    }
}
