//! A log that cannot be written.

use crate::faults::scene::superuser;
use crate::faults::sqlite::{LIMITED, limit};
use crate::support::process::Process;
use crate::support::{Backend, TestDatabase};

/// Replaces itself with the service; its log is read only until it listens.
const UNREAD: [&str; 4] = ["bash", "-c", r#"exec "$@" 2> >(sed /listening/q >&2)"#, "bash"];

/// The same, but the reader keeps the pipe open without reading, like a collector that hangs.
const FROZEN: [&str; 4] = ["bash", "-c", r#"exec "$@" 2> >(sed /listening/q >&2; sleep 60)"#, "bash"];

/// More lines than a pipe holds.
const MANY: usize = 1_000;

async fn serves(service: &mut Process, database: &TestDatabase) {
    let admin = superuser(&service.url, database).await;
    for _ in 0..10 {
        service.call("GET", "/api/v1/users/me").bearer(&admin).send().await.expect(200);
    }
    assert!(service.runs());
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_pipe_fails_no_request() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let mut service = Process::start_under(&UNREAD, &[("DATABASE_URL", &database.url)]).await;
    serves(&mut service, &database).await;
    service.terminate();
    assert_eq!(service.ended().await.code(), Some(0));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_log_reader_delays_no_request() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let mut service = Process::start_under(&FROZEN, &[("DATABASE_URL", &database.url)]).await;
    for _ in 0..MANY {
        service.call("GET", "/").send().await.expect(200);
    }
    serves(&mut service, &database).await;
    service.terminate();
    assert_eq!(service.ended().await.code(), Some(0));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_disk_fails_no_request() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let mut service = Process::start_under(&LIMITED, &[("DATABASE_URL", &database.url)]).await;
    limit(&service, "1");
    serves(&mut service, &database).await;
    let lines = service.log().lines().count();
    limit(&service, "unlimited");
    service.call("GET", "/").send().await.expect(200);
    crate::support::postgres::eventually("lines are written again", async || {
        (service.log().lines().count() > lines).then_some(())
    })
    .await;
}
