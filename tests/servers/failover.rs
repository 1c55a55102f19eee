//! Several hosts in an address: each is verified by its own name, and replicas are used again after
//! a failover.

use groundwork::db::migrations;
use groundwork::settings::DatabaseUrl;
use groundwork_database::{Database, ReplicaState};

use crate::servers::tls::{Authority, options, refusal};
use crate::support::postgres::{Server, eventually};
use crate::support::{Service, settings};

fn hosts(hosts: &str, options: &str) -> String {
    format!("postgres://postgres@{hosts}/postgres{options}")
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_each_host_must_have_its_own_name() {
    let authority = Authority::new("one");
    let (by_name, by_address) = (authority.server("localhost").await, authority.server("127.0.0.1").await);
    let verify = options("verify-full", Some(&authority));
    let at = |host: &str, server: &Server| format!("{host}:{}", server.port);
    // The first one is not who it has to be, the second one is.
    for both in [
        [at("127.0.0.1", &by_name), at("127.0.0.1", &by_address)],
        [at("localhost", &by_address), at("localhost", &by_name)],
    ] {
        assert_eq!(refusal(&hosts(&both.join(","), &verify)).await, None, "{both:?}");
    }
    // The name of the other host in the address does not help.
    let both = [at("localhost", &by_address), at("127.0.0.1", &by_name)];
    let reason = refusal(&hosts(&both.join(","), &verify)).await.expect("none of them is who it has to be");
    for host in &both {
        assert!(reason.contains(host), "{reason}");
    }
    assert_eq!(reason.matches("not valid for name").count(), 2, "{reason}");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_primary_among_the_hosts_the_error_has_the_reason_of_each() {
    let mut away = Server::start(&[]).await;
    let primary = Server::start(&[]).await;
    let standby = primary.replica(&["hot_standby=on"]).await;
    away.kill();
    let both = [away.port, standby.port].map(|port| format!("127.0.0.1:{port}"));
    let reason = refusal(&hosts(&both.join(","), "")).await.expect("nobody takes writes");
    assert!(reason.contains(&both[0]) && reason.contains("refused"), "{reason}");
    assert!(reason.contains(&both[1]) && reason.contains("does not allow writes"), "{reason}");
    let all = [away.port, standby.port, primary.port].map(|port| format!("127.0.0.1:{port}"));
    assert_eq!(refusal(&hosts(&all.join(","), "")).await, None);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_follows_the_promoted_server_is_used_again_without_a_restart() {
    let mut primary = Server::start(&[]).await;
    let standby = primary.replica(&["hot_standby=on"]).await;
    let replica = primary.replica(&["hot_standby=on"]).await;
    let both = hosts(&format!("127.0.0.1:{},127.0.0.1:{}", primary.port, standby.port), "");
    let extra = [("DATABASE_URL", both.clone()), ("DATABASE_REPLICA_URLS", replica.url("127.0.0.1", ""))];
    let url: DatabaseUrl = both.parse().unwrap();
    migrations::run(&url).await.unwrap();
    let watching = Database::new(&(&settings(&both, &extra)).into()).unwrap();
    watching.watch();
    let service = Service::start_on(primary.database(), &extra).await;
    let admin = service.superuser().await;
    let is_used = || watching.replicas().remove(0).state == ReplicaState::Used;
    let lists = "SELECT COUNT(*)::text FROM pg_stat_activity WHERE application_name = 'Groundwork' \
                 AND query LIKE '%FROM \"users\"%'";
    let is_read = async || {
        let now = replica.database().sql("SELECT clock_timestamp()::text").await.unwrap();
        let answer = service.by(&admin, "GET", "/api/v1/users?limit=100").send().await;
        let since = format!("{lists} AND query_start >= '{now}'");
        let read = replica.database().sql(&since).await.as_deref() != Some("0");
        (answer.status.is_success() && read).then_some(())
    };
    eventually("the replica is in use", async || is_used().then_some(())).await;
    eventually("lists come from the replica", is_read).await;
    eventually("both have all of it", async || {
        let end = primary.database().sql("SELECT pg_current_wal_lsn()::text").await.unwrap();
        let replayed = format!("SELECT (pg_last_wal_replay_lsn() >= '{end}')::text");
        for server in [&standby, &replica] {
            if server.database().sql(&replayed).await.as_deref() != Some("true") {
                return None;
            }
        }
        Some(())
    })
    .await;

    primary.kill();
    standby.promote().await;
    // What is written now only the promoted server has, so the replica falls behind.
    eventually("writes go on", async || {
        let rename = service.by(&admin, "PATCH", "/api/v1/users/me");
        let answer = rename.json(serde_json::json!({"full_name": "Ada"})).send().await;
        answer.status.is_success().then_some(())
    })
    .await;
    eventually("the replica is left out", async || (!is_used()).then_some(())).await;
    replica.follow(&standby).await;
    eventually("the replica is used again", async || is_used().then_some(())).await;
    // The session that has just written reads from the primary for a while.
    let other = service.log_in_again(&admin.email, admin.id).await;
    eventually("lists come from the replica again", async || {
        let now = replica.database().sql("SELECT clock_timestamp()::text").await.unwrap();
        service.by(&other, "GET", "/api/v1/users?limit=100").send().await.expect(200);
        let since = format!("{lists} AND query_start >= '{now}'");
        (replica.database().sql(&since).await.as_deref() != Some("0")).then_some(())
    })
    .await;
}
