//! One fault from start to end: clients write, something fails and recovers, and the database is
//! checked.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinHandle;

use crate::faults::ledger::Findings;
use crate::faults::load::Load;
use crate::support::client::PASSWORD;
use crate::support::postgres::eventually;
use crate::support::process::{Process, probe};
use crate::support::{Call, TestDatabase};

/// Clients that write at the same time.
pub const CLIENTS: usize = 8;
/// Writes before a fault, and again after it, so that it happens during writes.
pub const WRITES: usize = 60;

/// Settings with which a request soon fails if the database does not answer.
pub const SHORT_TIMEOUTS: [(&str, &str); 2] = [("DB_STATEMENT_TIMEOUT", "2"), ("REQUEST_TIMEOUT", "5")];

/// The access token of a new superuser.
pub async fn superuser(url: &str, database: &TestDatabase) -> String {
    let body = json!({"email": "admin@example.com", "password": PASSWORD});
    let call = |path: &str| Call::new(url, "POST", &format!("/api/v1/auth/{path}")).json(body.clone()).send();
    call("register").await.expect(201);
    database.sql("UPDATE users SET is_superuser = TRUE WHERE email = 'admin@example.com'").await;
    call("login").await.expect(200).json()["access_token"].as_str().unwrap().to_owned()
}

/// Polls liveness every 50 ms in the background; each poll must succeed.
pub struct LivenessProbe(JoinHandle<()>);

impl LivenessProbe {
    pub fn start(url: &str) -> Self {
        let url = url.to_owned();
        Self(tokio::spawn(async move {
            loop {
                assert_eq!(probe(&url, "live").await, Some(200), "liveness");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }))
    }

    /// Stops polling; fails the test if one poll failed.
    pub async fn expect_alive(self) {
        self.0.abort();
        if let Err(ended) = self.0.await {
            assert!(ended.is_cancelled(), "{ended}");
        }
    }
}

pub async fn until_ready(url: &str, status: u16) {
    eventually(&format!("readiness is {status}"), async || {
        (probe(url, "ready").await == Some(status)).then_some(())
    })
    .await;
}

/// Prints the fault's row of docs/faults.md.
#[allow(clippy::print_stdout, reason = "with --nocapture it is what the reader wants")]
pub fn report(fault: &str, load: &str, healed: Duration, findings: Findings) {
    let Findings { acknowledged, kept, undone } = findings;
    println!(
        "| {fault} | {load} | {:.1} s | 0 of {acknowledged}; not acknowledged: {kept} kept, {undone} undone |",
        healed.as_secs_f64()
    );
}

/// Checks a fault of the database while clients write: they get 503 and nothing worse, the process
/// stays live, readiness fails and returns, and no acknowledged write is lost.
pub async fn survives(
    fault: &str,
    service: &Process,
    database: &TestDatabase,
    hurt: impl AsyncFnOnce(),
    heal: impl AsyncFnOnce(),
) {
    let admin = superuser(&service.url, database).await;
    let (liveness, load) = (LivenessProbe::start(&service.url), Load::on(&service.url, CLIENTS, &admin));
    load.writes(WRITES).await;
    hurt().await;
    until_ready(&service.url, 503).await;
    let unready = Call::new(&service.url, "GET", "/api/v1/health/ready").send().await;
    unready.expect_error(503, "service_unavailable");
    // Writes are answered while the fault lasts.
    let refused = || load.seen.refused.load(Ordering::Relaxed);
    eventually("writes are refused", async || (refused() > 0).then_some(())).await;
    heal().await;
    let start = Instant::now();
    until_ready(&service.url, 200).await;
    load.writes(1).await;
    let healed = start.elapsed();
    load.writes(WRITES).await;
    liveness.expect_alive().await;
    let (ledger, tally) = load.end().await;
    assert_eq!(tally.unanswered, 0, "every request is answered");
    let findings = ledger.check(database).await;
    report(fault, &tally.to_string(), healed, findings);
}
