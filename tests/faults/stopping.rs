//! SIGTERM while clients write.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::faults::ledger::{ExpectedUser, Ledger, Write, password};
use crate::faults::load::{HANG, Load};
use crate::faults::scene::{CLIENTS, WRITES, report, superuser, until_ready};
use crate::support::begun::begun;
use crate::support::postgres::{eventually, signal};
use crate::support::process::Process;
use crate::support::{Backend, TestDatabase};

const REQUEST: &[u8] = b"GET /api/v1/health/live HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// Registers users, each through a connection of its own, until connections are refused: what each
/// became, and when its request had been sent.
async fn register_until_the_end(url: String, client: usize) -> Vec<(Option<Instant>, ExpectedUser)> {
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let mut users = Vec::new();
    for number in 0.. {
        let mut user = ExpectedUser::new(format!("last{client}.{number}@example.com"), Write::Register);
        let mut sent = None;
        let Ok(mut stream) = TcpStream::connect(&address).await else { break };
        let body = format!(r#"{{"email": "{}", "password": "{}"}}"#, user.email, password(0));
        let request = format!(
            "POST /api/v1/auth/register HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut answer = String::new();
        let exchange = async {
            stream.write_all(request.as_bytes()).await?;
            sent = Some(Instant::now());
            stream.read_to_string(&mut answer).await
        };
        let done = timeout(HANG, exchange).await.expect("an answer or an end");
        if done.is_ok() && answer.starts_with("HTTP/1.1 201") {
            user.acknowledge(Write::Register);
        } else {
            assert!(answer.is_empty(), "{answer}");
            user.leave_open(Write::Register);
        }
        users.push((sent, user));
    }
    users
}

/// Every request sent before the listener closes is answered: before SIGTERM, and while the service
/// drains. Requests in the moment of closing may be refused or reset by the kernel.
async fn is_stopped_under_load(backend: Backend, drain: u64) {
    let database = TestDatabase::create(backend).await;
    let settings = [("DATABASE_URL", database.url.as_str()), ("DRAIN_TIMEOUT", &drain.to_string())];
    let mut service = Process::start(&settings).await;
    superuser(&service.url, &database).await;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(register_until_the_end(service.url.clone(), client));
    }
    let registered = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM users";
    eventually("they have begun", async || {
        let count: usize = database.sql(registered).await?.parse().unwrap();
        (count > 4 * CLIENTS).then_some(())
    })
    .await;
    let start = Instant::now();
    service.terminate();
    let ended = service.ended().await;
    let took = start.elapsed();
    assert_eq!(ended.code(), Some(0), "{}", service.log());
    let users = clients.join_all().await.concat();
    let closed = start + Duration::from_secs(drain);
    let came = |sent: &Option<Instant>| sent.is_some_and(|sent| sent < closed);
    let lost = users.iter().filter(|(sent, user)| came(sent) && !user.is_settled()).count();
    assert_eq!(lost, 0, "of {} requests: {}", users.len(), service.log());
    let ledger = Ledger { users: users.into_iter().map(|(_, user)| user).collect() };
    let findings = ledger.check(&database).await;
    let fault = format!("SIGTERM, DRAIN_TIMEOUT={drain} ({backend:?})");
    // What is not acknowledged here came when the listener was closing.
    let seen =
        format!("connections before the close: none reset; after it: {}; exit code 0", findings.open());
    report(&fault, &seen, took, findings);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn under_load_every_accepted_request_is_answered_before_the_end_on_postgresql() {
    is_stopped_under_load(Backend::Postgres, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_every_accepted_request_is_answered_before_the_end_on_sqlite() {
    is_stopped_under_load(Backend::Sqlite, 1).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_keep_their_connections_lose_nothing_when_the_service_drains() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let settings = [("DATABASE_URL", database.url.as_str()), ("DRAIN_TIMEOUT", "15")];
    let mut service = Process::start(&settings).await;
    let admin = superuser(&service.url, &database).await;
    let load = Load::on(&service.url, CLIENTS, &admin);
    load.writes(WRITES).await;
    let start = Instant::now();
    service.terminate();
    // The clients leave while it drains, as a proxy's do.
    load.writes(CLIENTS).await;
    let (ledger, tally) = load.end().await;
    assert!(service.runs(), "it still drains");
    assert_eq!(tally.refused + tally.unanswered, 0);
    assert_eq!(service.ended().await.code(), Some(0));
    let took = start.elapsed();
    let findings = ledger.check(&database).await;
    report("SIGTERM, clients leave while it drains", "none refused, none reset", took, findings);
}

/// While the process stands still, the kernel takes connections and requests for it. It hears of
/// them and of its end at once.
#[tokio::test(flavor = "multi_thread")]
async fn requests_in_the_accept_backlog_at_the_end_are_answered() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let mut service = Process::start(&[("DATABASE_URL", &database.url)]).await;
    superuser(&service.url, &database).await;
    signal(&service.id(), "STOP");
    let mut clients = JoinSet::new();
    for client in 0..50 {
        let mut stream = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        clients.spawn(async move {
            let mut answer = String::new();
            let done = timeout(HANG, stream.read_to_string(&mut answer)).await.expect("an answer");
            assert!(done.is_ok() && answer.starts_with("HTTP/1.1 200"), "{client}: {done:?} {answer:?}");
        });
    }
    service.terminate();
    signal(&service.id(), "CONT");
    clients.join_all().await;
    assert_eq!(service.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_process_at_once() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let mut service = Process::start(&[("DATABASE_URL", &database.url), ("DRAIN_TIMEOUT", "300")]).await;
    let _busy = begun(&service.url, "/api/v1/auth/login", 2).await;
    service.terminate();
    until_ready(&service.url, 503).await;
    assert!(service.runs(), "it drains");
    service.terminate();
    assert_eq!(service.ended().await.code(), Some(130));
    assert!(service.log().contains("ended by a second signal"), "{}", service.log());
}
