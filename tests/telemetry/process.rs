//! The service as a process: recorders and log lines belong to a process, not to a test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::client::PASSWORD;
use crate::support::redis::eventually;
use crate::support::{Backend, Call, SECRET, TestDatabase};
use crate::telemetry::scrape::Scrape;

pub struct Process {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    pub url: String,
    pub database: TestDatabase,
}

impl Process {
    /// On SQLite, measured, with these settings beside the usual ones.
    pub async fn start(extra: &[(&str, &str)]) -> Self {
        Self::start_on(
            TestDatabase::create(Backend::Sqlite).await,
            &[&[("METRICS_PORT", "0")], extra].concat(),
        )
        .await
    }

    pub async fn start_on(database: TestDatabase, extra: &[(&str, &str)]) -> Self {
        let mut child = command(&database, extra).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, read) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                read.lock().unwrap().push(line);
            }
        });
        let mut process = Self { child, log, url: String::new(), database };
        eventually("the service listens", async || process.address_in("listening on ").is_some()).await;
        process.url = process.address_in("listening on ").unwrap();
        process
    }

    fn address_in(&self, beginning: &str) -> Option<String> {
        let lines = self.lines();
        let rest = lines.iter().find_map(|line| line["message"].as_str()?.strip_prefix(beginning))?;
        Some(rest.split([',', ' ']).next()?.to_owned())
    }

    /// Where the listener for Prometheus is.
    pub fn metrics_url(&self) -> Option<String> {
        self.address_in("metrics on ")
    }

    /// The lines of the log so far.
    pub fn lines(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.url, method, path)
    }

    /// What is measured now.
    pub async fn scrape(&self) -> Scrape {
        let url = self.metrics_url().unwrap_or_else(|| panic!("{:?}", self.lines()));
        Scrape::of(&reqwest::get(url).await.unwrap().text().await.unwrap())
    }

    /// A new user, logged in: its number and its access token.
    pub async fn user(&self, email: &str) -> (i64, String) {
        let body = json!({"email": email, "password": PASSWORD});
        let made = self.call("POST", "/api/v1/auth/register").json(body.clone()).send().await.expect(201);
        let tokens = self.call("POST", "/api/v1/auth/login").json(body).send().await.expect(200).json();
        (made.json()["id"].as_i64().unwrap(), tokens["access_token"].as_str().unwrap().to_owned())
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn stop(mut self) -> (ExitStatus, Vec<Value>) {
        let killed = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let exited = Mutex::new(None);
        let child = Mutex::new(&mut self.child);
        eventually("the service ends", async || {
            *exited.lock().unwrap() = child.lock().unwrap().try_wait().unwrap();
            exited.lock().unwrap().is_some()
        })
        .await;
        let status = exited.into_inner().unwrap().unwrap();
        eventually("the log ends", async || Arc::strong_count(&self.log) == 1).await;
        (status, self.lines())
    }
}

/// The command that starts it, with logs in JSON. Without workers, unless a test asks for them: what
/// a periodic job logs and traces at its time of the day belongs to no test.
pub fn command(database: &TestDatabase, extra: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundwork"));
    command
        .current_dir(std::env::temp_dir())
        .env_clear()
        .env("MAIL_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/mail"))
        .envs([("DATABASE_URL", database.url.as_str()), ("JWT_SECRET_KEY", SECRET)])
        .envs([("PORT", "0"), ("BCRYPT_ROUNDS", "4"), ("LOG_FORMAT", "json"), ("REDIS_TIMEOUT", "2000")])
        .env("JOB_WORKERS", "0")
        .envs(extra.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where the test stopped it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
