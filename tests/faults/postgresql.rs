//! Faults of the PostgreSQL server.

use serde_json::json;
use tokio::sync::Mutex;

use crate::faults::load::Load;
use crate::faults::scene::{
    CLIENTS, LivenessProbe, SHORT_TIMEOUTS, WRITES, report, superuser, survives, until_ready,
};
use crate::support::client::PASSWORD;
use crate::support::postgres::Server;
use crate::support::process::Process;

/// A service on a server of its own.
async fn started(settings: &[(&str, &str)]) -> (Server, Process) {
    let server = Server::start(&[]).await;
    let url = server.url("127.0.0.1", "");
    let service = Process::start(&[&[("DATABASE_URL", url.as_str())], settings].concat()).await;
    (server, service)
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn postgresql_killed_during_writes_loses_nothing_that_was_acknowledged() {
    let (server, service) = started(&SHORT_TIMEOUTS).await;
    let database = server.database();
    let server = Mutex::new(server);
    let kill = async || server.lock().await.kill();
    survives("PostgreSQL killed, recovered", &service, &database, kill, async || {
        server.lock().await.resume().await;
    })
    .await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn postgresql_stopped_during_writes_loses_nothing_that_was_acknowledged() {
    let (server, service) = started(&SHORT_TIMEOUTS).await;
    let database = server.database();
    let server = Mutex::new(server);
    let stop = async || server.lock().await.stop();
    survives("PostgreSQL stopped fast, started", &service, &database, stop, async || {
        server.lock().await.resume().await;
    })
    .await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn postgresql_frozen_during_writes_loses_nothing_that_was_acknowledged() {
    let (server, service) = started(&SHORT_TIMEOUTS).await;
    let (freeze, thaw) = (async || server.freeze(), async || server.thaw());
    survives("PostgreSQL frozen, thawed", &service, &server.database(), freeze, thaw).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_row_locked_for_longer_than_the_statement_timeout_fails_only_its_writers() {
    // Long enough for who does not wait for the lock, and what ends the wait of who does is not the
    // limit of a request.
    let (server, service) = started(&[("DB_STATEMENT_TIMEOUT", "4"), ("REQUEST_TIMEOUT", "300")]).await;
    let database = server.database();
    let admin = superuser(&service.url, &database).await;
    let session = server.session().await;
    let credentials = json!({"email": "locked@example.com", "password": PASSWORD});
    service.call("POST", "/api/v1/auth/register").json(credentials.clone()).send().await.expect(201);
    let login = || service.call("POST", "/api/v1/auth/login").json(credentials.clone()).send();
    let access = login().await.expect(200).json()["access_token"].as_str().unwrap().to_owned();
    let lock = "BEGIN; SELECT FROM users WHERE email = 'locked@example.com' FOR UPDATE";
    session.batch_execute(lock).await.unwrap();
    let (liveness, load) = (LivenessProbe::start(&service.url), Load::on(&service.url, CLIENTS, &admin));
    let rename = || service.call("PATCH", "/api/v1/users/me").bearer(&access);
    // Outside a transaction, and in one.
    rename().json(json!({"full_name": "Ada"})).send().await.expect_error(503, "service_unavailable");
    login().await.expect_error(503, "service_unavailable");
    until_ready(&service.url, 200).await;
    load.writes(WRITES).await;
    session.batch_execute("ROLLBACK").await.unwrap();
    let start = std::time::Instant::now();
    login().await.expect(200);
    let healed = start.elapsed();
    rename().json(json!({"full_name": "Ada"})).send().await.expect(200);
    liveness.expect_alive().await;
    let (ledger, tally) = load.end().await;
    assert_eq!(tally.refused + tally.unanswered, 0, "others are not held up");
    let findings = ledger.check(&database).await;
    report("a row locked by another session", &format!("its writers 503; others {tally}"), healed, findings);
}
