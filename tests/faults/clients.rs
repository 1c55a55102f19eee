//! Clients that are too many, and clients that leave in the middle of a request.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::faults::ledger::{ExpectedUser, Ledger, Write, password};
use crate::faults::load::Load;
use crate::faults::scene::{CLIENTS, LivenessProbe, WRITES, report, superuser};
use crate::support::postgres::eventually;
use crate::support::process::Process;
use crate::support::{Backend, Call, TestDatabase};

async fn started(backend: Backend, settings: &[(&str, &str)]) -> (TestDatabase, Process) {
    let database = TestDatabase::create(backend).await;
    let url = [("DATABASE_URL", database.url.as_str())];
    let service = Process::start(&[&url, settings].concat()).await;
    (database, service)
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_writing_clients_on_three_database_connections_are_all_answered() {
    let pool = [("DB_POOL_SIZE", "2"), ("DB_MAX_OVERFLOW", "1"), ("BCRYPT_QUEUE_SIZE", "1000")];
    let (database, service) = started(Backend::Postgres, &pool).await;
    let admin = superuser(&service.url, &database).await;
    let (liveness, load) = (LivenessProbe::start(&service.url), Load::on(&service.url, 500, &admin));
    for _ in 0..15 {
        load.writes(100).await;
    }
    liveness.expect_alive().await;
    let (ledger, tally) = load.end().await;
    assert_eq!(tally.unanswered, 0, "every request is answered");
    let start = Instant::now();
    service.call("GET", "/api/v1/users/me").bearer(&admin).send().await.expect(200);
    let findings = ledger.check(&database).await;
    report("500 clients on 3 connections", &tally.to_string(), start.elapsed(), findings);
}

/// Sends a request whole and leaves after this time, without waiting for the answer.
async fn ask_and_leave(url: &str, method: Method, path: &str, access: &str, body: &Value, stay: Duration) {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "{method} /api/v1{path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {access}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(stay).await;
}

/// A user whose owner changes the password and leaves, and one that a superuser makes and leaves.
async fn leave_twice(url: &str, admin: &str, number: u64) -> [ExpectedUser; 2] {
    // From a quarter of a millisecond to a third of a second: on any machine some leave early and
    // some late.
    let stay = Duration::from_micros(250).mul_f64(1.13_f64.powi(i32::try_from(number % 60).unwrap()));
    let mut owned = ExpectedUser::new(format!("leaver{number}@example.com"), Write::Register);
    let credentials = json!({"email": owned.email, "password": password(0)});
    let call = |path: &str| Call::new(url, "POST", &format!("/api/v1/auth/{path}")).json(credentials.clone());
    call("register").send().await.expect(201);
    let tokens = call("login").send().await.expect(200).json();
    owned.acknowledge(Write::Register);
    owned.acknowledge(Write::Login);
    let change = json!({"password": password(1), "current_password": password(0)});
    let access = tokens["access_token"].as_str().unwrap();
    ask_and_leave(url, Method::PATCH, "/users/me", access, &change, stay).await;
    owned.leave_open(Write::ChangePassword);

    let mut made = ExpectedUser::new(format!("left{number}@example.com"), Write::Create);
    let user = json!({"email": made.email, "password": password(0)});
    ask_and_leave(url, Method::POST, "/users", admin, &user, stay).await;
    made.leave_open(Write::Create);
    [owned, made]
}

async fn clients_that_leave(backend: Backend) {
    let pool = [("DB_POOL_SIZE", "2"), ("DB_MAX_OVERFLOW", "1")];
    let (database, service) = started(backend, &pool).await;
    let admin = superuser(&service.url, &database).await;
    let liveness = LivenessProbe::start(&service.url);
    let mut leavers = JoinSet::new();
    for first in 0..4 {
        let (url, admin) = (service.url.clone(), admin.clone());
        leavers.spawn(async move {
            let mut users = Vec::new();
            for number in (first..120).step_by(4) {
                users.extend(leave_twice(&url, &admin, number).await);
            }
            users
        });
    }
    let left = Ledger { users: leavers.join_all().await.concat() };
    let start = Instant::now();
    service.call("GET", "/api/v1/users/me").bearer(&admin).send().await.expect(200);
    let healed = start.elapsed();
    // More clients than connections, so that one that is lost or spoilt would show.
    let load = Load::on(&service.url, CLIENTS, &admin);
    load.writes(WRITES).await;
    liveness.expect_alive().await;
    let (ledger, tally) = load.end().await;
    let refused = tally.refused + tally.unanswered;
    assert_eq!(refused, 0, "no connection of the pool is poisoned: {}", service.log());
    ledger.check(&database).await;
    if backend == Backend::Postgres {
        let open = "SELECT COUNT(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        eventually("no transaction stays open", async || {
            (database.sql(open).await.as_deref() == Some("0")).then_some(())
        })
        .await;
    }
    let findings = left.check(&database).await;
    assert!(findings.kept > 0 && findings.undone > 0, "some left early and some late: {findings:?}");
    let fault = format!("240 clients leave in the middle ({backend:?})");
    report(&fault, &format!("the remaining clients: {tally}"), healed, findings);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_disconnect_leave_no_partial_write_and_no_broken_connection_on_postgresql() {
    clients_that_leave(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_disconnect_leave_no_partial_write_and_no_broken_connection_on_sqlite() {
    clients_that_leave(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_whose_client_disconnected_delays_no_other_request() {
    // Far longer than the test waits: only a cancellation ends the statement.
    let pool = [
        ("DB_POOL_SIZE", "1"),
        ("DB_MAX_OVERFLOW", "0"),
        ("DB_STATEMENT_TIMEOUT", "300"),
        ("REQUEST_TIMEOUT", "300"),
    ];
    let (database, service) = started(Backend::Postgres, &pool).await;
    let admin = superuser(&service.url, &database).await;
    let (client, connection) = tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; SELECT FROM users FOR UPDATE").await.unwrap();
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiters = async |count: &str| {
        let is_so = async || (database.sql(waiting).await.as_deref() == Some(count)).then_some(());
        eventually(&format!("{count} statements wait for the lock"), is_so).await;
    };
    for change in [
        json!({"full_name": "Ada"}),
        // In a transaction, too.
        json!({"password": password(1), "current_password": crate::support::client::PASSWORD}),
    ] {
        let path = "/users/me";
        let stay = Duration::from_mins(1);
        let leaving = tokio::spawn({
            let (url, admin) = (service.url.clone(), admin.clone());
            async move { ask_and_leave(&url, Method::PATCH, path, &admin, &change, stay).await }
        });
        waiters("1").await;
        leaving.abort();
        service.call("GET", "/api/v1/users/me").bearer(&admin).send().await.expect(200);
        // Nor does the server go on with it.
        waiters("0").await;
    }
    drop(client);
    connection.await.unwrap().unwrap();
}
