//! Clients that write, and keep user of what they were told.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::faults::ledger::{ExpectedUser, Ledger, Write, password};
use crate::support::client::Answer;
use crate::support::postgres::eventually;

/// Longer than a request may take by the settings of these tests: no answer after it is a hang.
pub const HANG: Duration = Duration::from_secs(30);

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// What all clients of a load have seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub acknowledged: AtomicUsize,
    /// Answered with 503.
    pub refused: AtomicUsize,
    /// Connections that broke, or could not be made.
    pub unanswered: AtomicUsize,
    /// In milliseconds.
    pub slowest: AtomicUsize,
}

/// The same when all is over.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    pub refused: usize,
    pub unanswered: usize,
    pub slowest: Duration,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × 503", self.refused)?;
        if self.unanswered > 0 {
            write!(f, ", {} not answered", self.unanswered)?;
        }
        write!(f, "; slowest {:.1} s", self.slowest.as_secs_f64())
    }
}

pub struct Load {
    url: String,
    stop: Arc<AtomicBool>,
    pub seen: Arc<Seen>,
    clients: JoinSet<Vec<ExpectedUser>>,
}

impl Load {
    /// So many clients of a service; `admin` is the access token of a superuser, who makes some of
    /// the users.
    pub fn on(url: &str, clients: usize, admin: &str) -> Self {
        let (stop, seen) = (Arc::<AtomicBool>::default(), Arc::<Seen>::default());
        let mut load = Self { url: url.to_owned(), stop, seen, clients: JoinSet::new() };
        for _ in 0..clients {
            let writer = Writer::new(url, admin, &load.seen);
            let stop = Arc::clone(&load.stop);
            load.clients.spawn(async move {
                let mut users = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let (expected, lived) = writer.live().await;
                    users.push(expected);
                    if lived.is_err() {
                        // Asking all the time would only heat.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                users
            });
        }
        load
    }

    pub fn acknowledged(&self) -> usize {
        self.seen.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until this many more writes are acknowledged.
    pub async fn writes(&self, more: usize) {
        let goal = self.acknowledged() + more;
        eventually("clients write", async || (self.acknowledged() >= goal).then_some(())).await;
    }

    /// Lets the clients finish what they are at: their ledger, and what they have seen to the end.
    pub async fn end(self) -> (Ledger, Tally) {
        self.stop.store(true, Ordering::Relaxed);
        let users = tokio::time::timeout(2 * HANG, self.clients.join_all()).await;
        let users = users.unwrap_or_else(|_| panic!("{} hangs", self.url)).concat();
        let number = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let tally = Tally {
            refused: number(&self.seen.refused),
            unanswered: number(&self.seen.unanswered),
            slowest: Duration::from_millis(number(&self.seen.slowest) as u64),
        };
        (Ledger { users }, tally)
    }
}

/// Refused, or not answered.
struct NotAcknowledged;

/// One client: it makes a user, uses it, and goes on to the next one.
struct Writer {
    client: Client,
    url: String,
    admin: String,
    seen: Arc<Seen>,
}

impl Writer {
    fn new(url: &str, admin: &str, seen: &Arc<Seen>) -> Self {
        let client = Client::builder().no_proxy().timeout(HANG).build().unwrap();
        Self { client, url: url.to_owned(), admin: admin.to_owned(), seen: Arc::clone(seen) }
    }

    /// The life of one user, to its end or to the first write that is not acknowledged.
    async fn live(&self) -> (ExpectedUser, Result<(), NotAcknowledged>) {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let made = if number.is_multiple_of(2) { Write::Register } else { Write::Create };
        let mut expected = ExpectedUser::new(format!("writer{number}@example.com"), made);
        let lived = self.use_up(&mut expected, made, number.is_multiple_of(3)).await;
        (expected, lived)
    }

    async fn use_up(
        &self,
        expected: &mut ExpectedUser,
        made: Write,
        removed: bool,
    ) -> Result<(), NotAcknowledged> {
        let user = self.write(expected, made, &self.admin).await?;
        expected.id = user["id"].as_i64();
        let first = self.log_in(expected).await?;
        self.write(expected, Write::Rename(1), &first).await?;
        let second = self.log_in(expected).await?;
        self.write(expected, Write::Logout, &first).await?;
        self.write(expected, Write::ChangePassword, &second).await?;
        let third = self.log_in(expected).await?;
        self.write(expected, Write::Rename(2), &third).await?;
        if removed {
            self.write(expected, Write::Remove, &third).await?;
        }
        Ok(())
    }

    async fn log_in(&self, expected: &mut ExpectedUser) -> Result<String, NotAcknowledged> {
        let tokens = self.write(expected, Write::Login, "").await?;
        Ok(tokens["access_token"].as_str().unwrap().to_owned())
    }

    /// Makes a write and notes what came of it. Anything but success and 503 fails the test.
    async fn write(
        &self,
        expected: &mut ExpectedUser,
        write: Write,
        access: &str,
    ) -> Result<Value, NotAcknowledged> {
        let (email, known) = (&expected.email, expected.password());
        let (method, path, body) = match write {
            Write::Register => ("POST", "/auth/register", json!({"email": email, "password": password(0)})),
            Write::Create => ("POST", "/users", json!({"email": email, "password": password(0)})),
            Write::Login => ("POST", "/auth/login", json!({"email": email, "password": password(known)})),
            Write::Rename(number) => ("PATCH", "/users/me", json!({"full_name": format!("name-{number}")})),
            Write::ChangePassword => {
                let new = password(known + 1);
                ("PATCH", "/users/me", json!({"password": new, "current_password": password(known)}))
            }
            Write::Logout => ("POST", "/auth/logout", Value::Null),
            Write::Remove => ("DELETE", "/users/me", Value::Null),
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.url));
        if !matches!(write, Write::Register | Write::Login) {
            request = request.bearer_auth(access);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let start = Instant::now();
        let answer = answer(request).await;
        let took = usize::try_from(start.elapsed().as_millis()).unwrap();
        self.seen.slowest.fetch_max(took, Ordering::Relaxed);
        let Some(answer) = answer else {
            expected.leave_open(write);
            self.seen.unanswered.fetch_add(1, Ordering::Relaxed);
            return Err(NotAcknowledged);
        };
        if answer.status.is_success() {
            expected.acknowledge(write);
            self.seen.acknowledged.fetch_add(1, Ordering::Relaxed);
            return Ok(if answer.text.is_empty() { Value::Null } else { answer.json() });
        }
        expected.leave_open(write);
        answer.expect_error(503, "service_unavailable");
        self.seen.refused.fetch_add(1, Ordering::Relaxed);
        Err(NotAcknowledged)
    }
}

/// `None` when the connection broke. No answer in time fails the test.
pub async fn answer(request: reqwest::RequestBuilder) -> Option<Answer> {
    let whole = async {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    };
    let result: reqwest::Result<Answer> = whole.await;
    match result {
        Ok(answer) => Some(answer),
        Err(error) => {
            assert!(!error.is_timeout(), "a request hangs: {error:?}");
            None
        }
    }
}
