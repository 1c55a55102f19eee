//! Faults under a SQLite file: no room to write, and a process that is killed.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::json;

use crate::faults::ledger::{Findings, Ledger, password};
use crate::faults::load::Load;
use crate::faults::scene::{CLIENTS, LivenessProbe, WRITES, report, superuser, until_ready};
use crate::support::postgres::eventually;
use crate::support::process::Process;
use crate::support::{Backend, Call, TestDatabase};

/// Becomes the service, with the limit on the size of files as an error instead of a signal.
pub const LIMITED: [&str; 4] = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];

/// How large a file may become; what is there stays.
pub fn limit(process: &Process, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &process.id(), &limit]).status().unwrap();
    assert!(done.success());
}

#[cfg_attr(not(target_os = "linux"), ignore = "needs Linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_503_and_writes_succeed_when_there_is_room_again() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let mut service = Process::start_under(&LIMITED, &[("DATABASE_URL", &database.url)]).await;
    let admin = superuser(&service.url, &database).await;
    let (liveness, load) = (LivenessProbe::start(&service.url), Load::on(&service.url, CLIENTS, &admin));
    load.writes(WRITES).await;
    limit(&service, "4096");
    let register = |name: &str| {
        let credentials = json!({"email": format!("{name}@example.com"), "password": password(0)});
        Call::new(&service.url, "POST", "/api/v1/auth/register").json(credentials).send()
    };
    for name in ["one", "two", "three"] {
        register(name).await.expect_error(503, "service_unavailable");
    }
    // Reading needs no room.
    service.call("GET", "/api/v1/users/me").bearer(&admin).send().await.expect(200);
    until_ready(&service.url, 200).await;
    let refused = || load.seen.refused.load(Ordering::Relaxed);
    eventually("clients are refused", async || (refused() > 0).then_some(())).await;
    limit(&service, "unlimited");
    let start = Instant::now();
    eventually("there is room", async || (register("four").await.status == 201).then_some(())).await;
    let healed = start.elapsed();
    load.writes(WRITES).await;
    liveness.expect_alive().await;
    assert!(service.runs());
    let (ledger, tally) = load.end().await;
    assert_eq!(tally.unanswered, 0, "every request is answered");
    let findings = ledger.check(&database).await;
    let kept = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM users WHERE email IN \
                ('one@example.com', 'two@example.com', 'three@example.com')";
    assert_eq!(database.sql(kept).await.as_deref(), Some("0"));
    report("no room for SQLite's files", &tally.to_string(), healed, findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_during_writes_loses_nothing_that_was_acknowledged() {
    const ROUNDS: usize = 5;
    let database = TestDatabase::create(Backend::Sqlite).await;
    let start = async || Process::start(&[("DATABASE_URL", &database.url)]).await;
    let mut service = start().await;
    let admin = superuser(&service.url, &database).await;
    let mut ledger = Ledger::default();
    let mut total = Findings { acknowledged: 0, kept: 0, undone: 0 };
    let (mut healed, mut unanswered) = (std::time::Duration::ZERO, 0);
    for _ in 0..ROUNDS {
        let load = Load::on(&service.url, CLIENTS, &admin);
        load.writes(WRITES).await;
        service.kill();
        let noticed = || load.seen.unanswered.load(Ordering::Relaxed) > 0;
        eventually("clients notice", async || noticed().then_some(())).await;
        // Before the next one: who is started meanwhile may get the port that they still ask.
        let (more, tally) = load.end().await;
        assert_eq!(tally.refused, 0);
        let begun = Instant::now();
        service = start().await;
        until_ready(&service.url, 200).await;
        healed = healed.max(begun.elapsed());
        unanswered += tally.unanswered;
        ledger.users.extend(more.users);
        total = ledger.check(&database).await;
        let checked = database.sql("SELECT integrity_check AS value FROM pragma_integrity_check").await;
        assert_eq!(checked.as_deref(), Some("ok"));
    }
    let seen = format!("connections broken or refused ({unanswered} requests, {ROUNDS} kills)");
    report("the process killed on SQLite", &seen, healed, total);
}
