//! A fault from its beginning to its end: clients write, something breaks, it is mended, and all is looked at.

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

/// Clients of a usual load.
pub const CLIENTS: usize = 8;
/// Writes before a fault and after it, so that it comes in the middle.
pub const SOME: usize = 60;

/// What a database that does not answer costs: not long.
pub const HASTY: [(&str, &str); 2] = [("DB_STATEMENT_TIMEOUT", "2"), ("REQUEST_TIMEOUT", "5")];

/// The access token of a new superuser.
pub async fn superuser(url: &str, database: &TestDatabase) -> String {
    let body = json!({"email": "admin@example.com", "password": PASSWORD});
    let call = |path: &str| Call::new(url, "POST", &format!("/api/v1/auth/{path}")).json(body.clone()).send();
    let _ = call("register").await.expect(201);
    database.sql("UPDATE users SET is_superuser = TRUE WHERE email = 'admin@example.com'").await;
    call("login").await.expect(200).json()["access_token"].as_str().unwrap().to_owned()
}

/// Asks all the time whether the process lives: it must, whatever else happens.
pub struct Pulse(JoinHandle<()>);

impl Pulse {
    pub fn of(url: &str) -> Self {
        let url = url.to_owned();
        Self(tokio::spawn(async move {
            loop {
                assert_eq!(probe(&url, "live").await, Some(200), "liveness");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }))
    }

    /// Fails if it did not live all the time.
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

/// What is printed of a fault: a row of docs/faults.md.
#[allow(clippy::print_stdout, reason = "with --nocapture it is what the reader wants")]
pub fn report(fault: &str, load: &str, healed: Duration, findings: Findings) {
    let Findings { acknowledged, kept, undone } = findings;
    println!(
        "| {fault} | {load} | {:.1} s | 0 of {acknowledged}; not acknowledged: {kept} kept, {undone} undone |",
        healed.as_secs_f64()
    );
}

/// A fault of the database while clients write: 503 and nothing worse, liveness throughout, readiness gone and back, and
/// nothing acknowledged lost.
pub async fn survives(
    fault: &str,
    service: &Process,
    database: &TestDatabase,
    hurt: impl AsyncFnOnce(),
    heal: impl AsyncFnOnce(),
) {
    let admin = superuser(&service.url, database).await;
    let (pulse, load) = (Pulse::of(&service.url), Load::on(&service.url, CLIENTS, &admin));
    load.writes(SOME).await;
    hurt().await;
    until_ready(&service.url, 503).await;
    let unready = Call::new(&service.url, "GET", "/api/v1/health/ready").send().await;
    unready.expect_error(503, "service_unavailable");
    // The fault came in the middle of writes, and they are answered while it lasts.
    let refused = || load.seen.refused.load(Ordering::Relaxed);
    eventually("writes are refused", async || (refused() > 0).then_some(())).await;
    heal().await;
    let start = Instant::now();
    until_ready(&service.url, 200).await;
    load.writes(1).await;
    let healed = start.elapsed();
    load.writes(SOME).await;
    pulse.expect_alive().await;
    let (ledger, tally) = load.end().await;
    assert_eq!(tally.unanswered, 0, "every request is answered");
    let findings = ledger.check(database).await;
    report(fault, &tally.to_string(), healed, findings);
}
