//! Requests with an `Idempotency-Key` to a process that is killed: each is sent again until it is
//! answered, and has its effect once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::faults::ledger::{Findings, password};
use crate::faults::load::HANG;
use crate::faults::scene::{CLIENTS, WRITES, report, superuser, until_ready};
use crate::support::postgres::eventually;
use crate::support::process::Process;
use crate::support::{Backend, TestDatabase};

const KILLS: usize = 5;

/// What the clients do and have seen.
struct Shared {
    /// Each process listens on a port of its own.
    url: watch::Receiver<String>,
    admin: String,
    stop: AtomicBool,
    next: AtomicUsize,
    answered: AtomicUsize,
    /// Requests that broke, or could not be made.
    broken: AtomicUsize,
    /// Requests that broke although their effect was there.
    replayed_after_break: AtomicUsize,
}

impl Shared {
    /// Sends the request of a key once. `None`: there was no answer, or the key waits for one.
    async fn send(&self, client: &Client, number: usize) -> Option<(Value, bool)> {
        let url = self.url.borrow().clone();
        let body = json!({"email": format!("user{number}@example.com"), "password": password(0)});
        let request = client
            .post(format!("{url}/api/v1/users"))
            .bearer_auth(&self.admin)
            .header("Idempotency-Key", format!("user-{number}"))
            .json(&body);
        let answer = request.send().await.ok()?;
        let is_replayed = answer.headers().contains_key("idempotency-replayed");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.ok()?;
        match status {
            201 => Some((body, is_replayed)),
            // The process that was killed still has the key.
            409 if body["error"] == "idempotency_in_progress" => None,
            _ => panic!("user {number}: {status} {body}"),
        }
    }

    /// Creates users until it is told to stop; returns the users by their keys.
    async fn create(self: Arc<Self>) -> Vec<(usize, Value)> {
        let client = Client::builder().no_proxy().build().unwrap();
        let mut created = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let mut broke = false;
            let (user, is_replayed) = loop {
                if let Some(answer) = self.send(&client, number).await {
                    break answer;
                }
                broke = true;
                self.broken.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            assert!(broke || !is_replayed, "user {number} was created by no request of this client");
            self.replayed_after_break.fetch_add(usize::from(is_replayed), Ordering::Relaxed);
            self.answered.fetch_add(1, Ordering::Relaxed);
            created.push((number, user));
        }
        created
    }
}

async fn killed_during_requests_with_keys(backend: Backend) {
    let database = TestDatabase::create(backend).await;
    let start = async || Process::start(&[("DATABASE_URL", &database.url)]).await;
    let mut service = start().await;
    let admin = superuser(&service.url, &database).await;
    let (moved, url) = watch::channel(service.url.clone());
    let shared = Arc::new(Shared {
        url,
        admin,
        stop: AtomicBool::new(false),
        next: AtomicUsize::new(1),
        answered: AtomicUsize::new(0),
        broken: AtomicUsize::new(0),
        replayed_after_break: AtomicUsize::new(0),
    });
    let clients: JoinSet<_> = (0..CLIENTS).map(|_| Arc::clone(&shared).create()).collect();
    let answers = async |more: usize| {
        let enough = shared.answered.load(Ordering::Relaxed) + more;
        let is_so = async || (shared.answered.load(Ordering::Relaxed) >= enough).then_some(());
        eventually("requests are answered", is_so).await;
    };
    let mut healed = Duration::ZERO;
    for _ in 0..KILLS {
        answers(WRITES).await;
        let broken = shared.broken.load(Ordering::Relaxed);
        service.kill();
        let noticed = async || (shared.broken.load(Ordering::Relaxed) > broken).then_some(());
        eventually("clients notice", noticed).await;
        let begun = Instant::now();
        service = start().await;
        until_ready(&service.url, 200).await;
        moved.send(service.url.clone()).unwrap();
        answers(1).await;
        healed = healed.max(begun.elapsed());
    }
    answers(WRITES).await;
    shared.stop.store(true, Ordering::Relaxed);
    let created = tokio::time::timeout(HANG, clients.join_all()).await.expect("a client hangs").concat();

    // Each key keeps the answer that was given, whichever process gave it.
    let client = Client::builder().no_proxy().build().unwrap();
    for (number, user) in &created {
        let (again, is_replayed) = shared.send(&client, *number).await.expect("an answer");
        assert!(is_replayed && again == *user, "user {number}: {again} instead of {user}");
    }
    let count = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM users WHERE email LIKE 'user%'";
    assert_eq!(database.sql(count).await, Some(created.len().to_string()));
    let events = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM audit_events \
                  WHERE kind = 'user_created' AND actor_id <> user_id";
    assert_eq!(database.sql(events).await, Some(created.len().to_string()));

    let kept = shared.replayed_after_break.load(Ordering::Relaxed);
    let broken = shared.broken.load(Ordering::Relaxed);
    let seen =
        format!("{broken} requests broken or refused, {KILLS} kills; each was sent again with its key");
    let findings = Findings { acknowledged: created.len(), kept, undone: broken - kept };
    report(&format!("the process killed under idempotency keys ({backend:?})"), &seen, healed, findings);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn requests_with_keys_have_their_effect_once_although_the_process_is_killed_on_postgresql() {
    killed_during_requests_with_keys(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_keys_have_their_effect_once_although_the_process_is_killed_on_sqlite() {
    killed_during_requests_with_keys(Backend::Sqlite).await;
}
