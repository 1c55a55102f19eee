//! Reads go to replicas, every session reads its own writes, and a failing replica fails no
//! request.

use std::time::{Duration, Instant};

use groundwork::db::migrations;
use groundwork::models::users::{self, UserFilter};
use groundwork::settings::DatabaseUrl;
use groundwork_clock::Clock;
use groundwork_database::{Database, ReplicaState, UnhealthyReason};

use crate::servers::copied::{Copied, NOTICED, list, lists};
use crate::support::postgres::{Server, eventually, is_told, signal};
use crate::support::{Proxy, Service, settings};

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_reads_its_writes_on_every_instance_and_others_read_from_the_replica() {
    let copied = Copied::start().await;
    let (service, admin) = (&copied.service, &copied.admin);
    let second = service.another_instance().await;
    let writer = service.superuser().await;
    for _ in 0..10 {
        copied.in_use().await;
        copied.pause().await;
        let (id, email) = copied.create(&writer).await;
        let path = format!("/api/v1/users/{id}");
        assert!(lists(&service.instance, &writer, &email).await, "its own write, where it was made");
        assert!(lists(&second, &writer, &email).await, "its own write, on another instance");
        let seen = lists(&service.instance, admin, &email).await;
        // What goes into the cache comes from the primary: it would be served long after the
        // replica has caught up.
        service.by(admin, "GET", &path).send().await.expect(200);
        copied.go_on().await;
        eventually("the replica shows it", async || {
            lists(&service.instance, admin, &email).await.then_some(())
        })
        .await;
        // Else the machine was slow, and the replica has been left out because it was behind.
        if !seen {
            return;
        }
    }
    panic!("the list never came from the replica");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_from_the_primary_until_replicas_have_its_write() {
    let copied = Copied::start().await;
    let (service, admin) = (&copied.service, &copied.admin);
    let second = service.another_instance().await;
    let noted = || async { service.database.sql("SELECT MAX(wrote_at)::text FROM sessions").await };
    assert_eq!(noted().await, None, "nobody has written");

    let other = service.log_in_again(&admin.email, admin.id).await;
    // Refused by the rules, but who knows that before.
    let write = || async {
        let missing = service.by(admin, "DELETE", "/api/v1/users/999999").send().await;
        missing.expect_error(404, "not_found");
    };
    write().await;
    let first = noted().await;
    assert!(first.is_some());
    for instance in [&service.instance, &second] {
        assert!(!copied.is_read(instance, admin).await, "the session has just written");
        eventually("the second instance knows the replica", async || {
            copied.is_read(instance, &other).await.then_some(())
        })
        .await;
    }

    // What was noted may go on for as long as a request may take: 15 seconds. Then a second between
    // two notes, and 5.
    service.clock.advance(Duration::from_secs(1));
    write().await;
    service.clock.advance(Duration::from_secs(6));
    assert!(!copied.is_read(&service.instance, admin).await);
    service.clock.advance(Duration::from_secs(15));
    eventually("the replica is read again", async || {
        copied.is_read(&service.instance, admin).await.then_some(())
    })
    .await;

    // At most one note a second.
    let start = Instant::now();
    write().await;
    let before = noted().await;
    assert_ne!(before, first);
    write().await;
    if start.elapsed() < Duration::from_millis(900) {
        assert_eq!(noted().await, before);
    }
    service.clock.advance(Duration::from_secs(1));
    write().await;
    assert_ne!(noted().await, before);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_replica_is_ejected_until_it_has_caught_up() {
    let copied = Copied::start().await;
    let writer = copied.service.superuser().await;
    copied.pause().await;
    let (_, email) = copied.create(&writer).await;
    let start = Instant::now();
    eventually("the primary answers", async || {
        lists(&copied.service.instance, &copied.admin, &email).await.then_some(())
    })
    .await;
    assert!(start.elapsed() < NOTICED, "{:?}", start.elapsed());
    copied.left_out(|trouble| *trouble == UnhealthyReason::Behind).await;
    assert!(!copied.is_read(&copied.service.instance, &copied.admin).await);
    copied.go_on().await;
    copied.in_use().await;
    assert!(lists(&copied.service.instance, &copied.admin, &email).await);
}

/// It has replayed all that it received, and its last transaction may be of this moment.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lost_its_primary_is_ejected_and_one_of_an_idle_primary_is_not() {
    let copied = Copied::start().await;
    let mut latencies = Vec::new();
    eventually("several checks of an idle primary", async || {
        let report = copied.watching.replicas().remove(0);
        // A check that the machine is too slow for is another matter.
        assert_ne!(report.state, ReplicaState::Ejected(UnhealthyReason::Behind));
        if latencies.last() != Some(&report.latency) {
            latencies.push(report.latency);
        }
        (latencies.len() > 5).then_some(())
    })
    .await;
    eventually("a report with a latency", async || {
        let report = copied.watching.replicas().remove(0);
        assert_eq!(report.name, format!("127.0.0.1:{}", copied.replica.port));
        report.latency.filter(|latency| *latency < Duration::from_secs(1))
    })
    .await;

    let replica = copied.replica.database();
    replica.sql("ALTER SYSTEM SET primary_conninfo = ''").await;
    replica.sql("SELECT pg_reload_conf()").await;
    eventually("the replica stops receiving", async || {
        let receivers = replica.sql("SELECT COUNT(*)::text FROM pg_stat_wal_receiver").await;
        (receivers.as_deref() == Some("0")).then_some(())
    })
    .await;
    let writer = copied.service.superuser().await;
    let (_, email) = copied.create(&writer).await;
    copied.left_out(|trouble| *trouble == UnhealthyReason::Behind).await;
    eventually("the primary answers", async || {
        lists(&copied.service.instance, &copied.admin, &email).await.then_some(())
    })
    .await;
    replica.sql("SELECT pg_promote()").await;
    copied.left_out(|trouble| *trouble == UnhealthyReason::NoReplica).await;
    assert!(!copied.is_read(&copied.service.instance, &copied.admin).await);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn killing_a_replica_fails_no_request_and_it_is_used_again_later() {
    let mut copied = Copied::start().await;
    for _ in 0..2 {
        // Several connections, so that several are lost.
        copied.lists_go_on(async || true).await;
        copied.replica.kill();
        copied.lists_go_on(async || copied.state() != ReplicaState::Used).await;
        copied.left_out(|trouble| matches!(trouble, UnhealthyReason::Unreachable(_))).await;
        copied.replica.resume().await;
        copied.in_use().await;
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn freezing_a_replica_fails_no_request_and_it_is_used_again_later() {
    let copied = Copied::start().await;
    copied.lists_go_on(async || true).await;
    copied.replica.freeze();
    copied.lists_go_on(async || copied.state() != ReplicaState::Used).await;
    copied.left_out(|trouble| matches!(trouble, UnhealthyReason::Unreachable(_))).await;
    let start = Instant::now();
    list(&copied.service.instance, &copied.admin).await.expect(200);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    copied.replica.thaw();
    copied.in_use().await;
}

/// What a replica does with a query that stands in the way of what it has to replay.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_read_cancelled_by_a_recovery_conflict_is_repeated_on_the_primary() {
    let mut copied = Copied::start().await;
    copied.replica.kill();
    copied.replica.restart_with(&["hot_standby=on", "max_standby_streaming_delay=2s"]).await;
    copied.in_use().await;
    let primary = copied.primary.database();
    primary.sql("CREATE TABLE junk AS SELECT 1 AS n").await;

    // A reader that has begun, and waits for a lock that the replica learnt from the primary.
    let holder = copied.primary.session().await;
    holder.batch_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let replica = copied.replica.database();
    eventually("the replica has the lock", async || {
        let locks = "SELECT COUNT(*)::text FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted";
        (replica.sql(locks).await.as_deref() != Some("0")).then_some(())
    })
    .await;
    eventually("the replica is in use", async || (copied.state() == ReplicaState::Used).then_some(())).await;
    let database = copied.watching.clone();
    let reading = tokio::spawn(async move {
        let mut connection = database.read_after(None, Clock::default().now());
        users::page(&mut connection, &UserFilter::default(), None, None, 10).await
    });
    let waiting =
        "SELECT pid::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%users%'";
    let reader = eventually("the reader waits on the replica", async || replica.sql(waiting).await).await;
    signal(&reader, "STOP");

    // The lock is given back, and then a row is gone that the reader might still look at.
    holder.batch_execute("COMMIT").await.unwrap();
    primary.sql("DELETE FROM junk").await;
    primary.sql("VACUUM junk").await;
    let is_in_the_way = async || {
        let startup = "SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup'";
        replica.sql(startup).await.is_some_and(|event| event.starts_with("RecoveryConflict"))
    };
    eventually("the reader is in the way", async || is_in_the_way().await.then_some(())).await;
    eventually("the reader is told to give up", async || is_told(&reader).then_some(())).await;
    signal(&reader, "CONT");
    let page = reading.await.unwrap().unwrap();
    assert!(page.iter().any(|user| user.id.0 == copied.admin.id), "{page:?}");
    copied.in_use().await;
    let conflicts = "SELECT SUM(confl_snapshot)::text FROM pg_stat_database_conflicts";
    eventually("the conflict is counted", async || {
        (replica.sql(conflicts).await.as_deref() != Some("0")).then_some(())
    })
    .await;
}

/// The guard asks the primary, and the list is one question to the replica.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_read_on_a_replica_costs_one_round_trip_there_and_none_on_the_primary() {
    let primary = Server::start(&[]).await;
    let replica = primary.replica(&["hot_standby=on"]).await;
    let to_primary = Proxy::to(&primary.url("127.0.0.1", "")).await;
    let to_replica = Proxy::to(&replica.url("127.0.0.1", "")).await;
    let extra = [
        ("DATABASE_URL", to_primary.url.clone()),
        ("DATABASE_REPLICA_URLS", to_replica.url.clone()),
        ("DB_MAX_OVERFLOW", "0".to_owned()),
    ];
    let service = Service::start_on(primary.database(), &extra).await;
    let admin = service.superuser().await;
    eventually("the replica is read from", async || {
        list(&service.instance, &admin).await.expect(200);
        let read = "SELECT pid::text FROM pg_stat_activity WHERE query LIKE '%FROM \"users\"%'";
        let own = "AND pid <> pg_backend_pid()";
        replica.database().sql(&format!("{read} {own}")).await
    })
    .await;
    list(&service.instance, &admin).await.expect(200);
    let count = || (to_primary.round_trips(), to_replica.round_trips());
    // Each server is checked once a second, so that one of some rounds is not disturbed.
    eventually("a round without a check", async || {
        let before = count();
        list(&service.instance, &admin).await.expect(200);
        let after = count();
        ((after.0 - before.0, after.1 - before.1) == (1, 1)).then_some(())
    })
    .await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_turns_and_an_unreachable_one_is_skipped() {
    let primary = Server::start(&[]).await;
    let (one, mut two) =
        (primary.replica(&["hot_standby=on"]).await, primary.replica(&["hot_standby=on"]).await);
    let urls = [one.url("127.0.0.1", ""), two.url("127.0.0.1", "?connect_timeout=2")].join(",");
    groundwork::db::migrations::run(&primary.database().url.parse().unwrap()).await.unwrap();
    let database =
        Database::new(&(&settings(&primary.database().url, &[("DATABASE_REPLICA_URLS", urls)])).into())
            .unwrap();
    database.watch();
    let read = || async {
        let mut connection = database.read_after(None, Clock::default().now());
        users::page(&mut connection, &UserFilter::default(), None, None, 1).await.unwrap();
    };
    let used = || database.replicas().iter().filter(|one| one.state == ReplicaState::Used).count();
    eventually("both are in use", async || (used() == 2).then_some(())).await;
    let readers = "SELECT COUNT(*)::text FROM pg_stat_activity WHERE query LIKE '%FROM \"users\"%' \
                   AND pid <> pg_backend_pid()";
    eventually("each has served one", async || {
        read().await;
        let is_read = async |server: &Server| server.database().sql(readers).await.as_deref() != Some("0");
        (is_read(&one).await && is_read(&two).await).then_some(())
    })
    .await;
    assert_eq!(primary.database().sql(readers).await.as_deref(), Some("0"));
    two.kill();
    for _ in 0..8 {
        read().await;
    }
    eventually("one is in use", async || (used() == 1).then_some(())).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_follows_the_promoted_server_is_used_again_without_a_restart() {
    let mut primary = Server::start(&[]).await;
    let standby = primary.replica(&["hot_standby=on"]).await;
    let replica = primary.replica(&["hot_standby=on"]).await;
    let both = format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", primary.port, standby.port);
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
