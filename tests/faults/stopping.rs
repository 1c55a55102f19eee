//! SIGTERM while clients write.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::faults::ledger::{Account, Ledger, Write, password};
use crate::faults::load::{HANG, Load};
use crate::faults::scene::{CLIENTS, SOME, report, superuser, until_ready};
use crate::support::begun::begun;
use crate::support::postgres::{eventually, signal};
use crate::support::process::Process;
use crate::support::{Backend, TestDatabase};

const REQUEST: &[u8] = b"GET /api/v1/health/live HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// Registers accounts, each through a connection of its own, until nobody takes connections any more: what came of each,
/// and when its request had been sent.
async fn register_until_the_end(url: String, client: usize) -> Vec<(Option<Instant>, Account)> {
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let mut accounts = Vec::new();
    for number in 0.. {
        let mut account = Account::new(format!("last{client}.{number}@example.com"), Write::Register);
        let mut sent = None;
        let Ok(mut stream) = TcpStream::connect(&address).await else { break };
        let body = format!(r#"{{"email": "{}", "password": "{}"}}"#, account.email, password(0));
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
            account.acknowledge(Write::Register);
        } else {
            assert!(answer.is_empty(), "{answer}");
            account.leave_open(Write::Register);
        }
        accounts.push((sent, account));
    }
    accounts
}

/// Whoever had come before the listener closed is answered: before SIGTERM, or in the time that it drains. The moment in
/// which it closes is the kernel's: who comes just then is refused or reset.
async fn is_stopped_under_load(backend: Backend, drain: u64) {
    let database = TestDatabase::create(backend).await;
    let settings = [("DATABASE_URL", database.url.as_str()), ("DRAIN_TIMEOUT", &drain.to_string())];
    let mut service = Process::start(&settings).await;
    let _ = superuser(&service.url, &database).await;
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
    let accounts = clients.join_all().await.concat();
    let closed = start + Duration::from_secs(drain);
    let came = |sent: &Option<Instant>| sent.is_some_and(|sent| sent < closed);
    let lost = accounts.iter().filter(|(sent, account)| came(sent) && !account.is_settled()).count();
    assert_eq!(lost, 0, "of {} requests: {}", accounts.len(), service.log());
    let ledger = Ledger { accounts: accounts.into_iter().map(|(_, account)| account).collect() };
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
    load.writes(SOME).await;
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

/// While the process stands still, the kernel takes connections and requests for it. It hears of them and of its end at once.
#[tokio::test(flavor = "multi_thread")]
async fn requests_in_the_accept_backlog_at_the_end_are_answered() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let mut service = Process::start(&[("DATABASE_URL", &database.url)]).await;
    let _ = superuser(&service.url, &database).await;
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
