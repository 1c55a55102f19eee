//! Instances of the service: the binary, with the settings of a deployment.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::deploy::edge::{LIMIT, LOOK, reserve};
use crate::support::{Backend, TestDatabase};

/// Good enough for production.
pub const SECRET: &str = "pV7x-2mQe9-Tz4Kd8-Lw3Rn6-Yb1Hc5-Jf0";

type Starting = (Child, Arc<TcpSocket>, TempDir);

/// One process. It ends with the test, however that ends.
pub struct Instance {
    pub address: SocketAddr,
    child: Child,
    /// What it has logged, each line parsed.
    lines: Arc<Mutex<Vec<Value>>>,
    /// Keeps the port for the one that takes this one's place.
    reserved: Arc<TcpSocket>,
    _folder: TempDir,
}

impl Instance {
    fn spawn(database_url: &str, reserved: Arc<TcpSocket>, extra: &[(&str, &str)]) -> Starting {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_groundwork"));
        command.current_dir(folder.path()).env_clear().envs([
            ("APP_ENV", "production"),
            ("DATABASE_URL", database_url),
            ("JWT_SECRET_KEY", SECRET),
            ("PORT", reserved.local_addr().unwrap().port().to_string().as_str()),
            // As the manifests have it: longer than a proxy takes to notice.
            ("DRAIN_TIMEOUT", "7"),
            ("LOG_FORMAT", "json"),
            // Trusts the proxy and the client, so that only the proxy keeps out a forged address.
            ("TRUSTED_PROXIES", "127.0.0.0/8"),
            ("BCRYPT_ROUNDS", "10"),
            ("DB_POOL_SIZE", "2"),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
            ("AUTH_RATE_LIMIT_PER_MINUTE", "1000000"),
        ]);
        command.envs(extra.iter().copied());
        let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        (child, reserved, folder)
    }

    async fn listening((mut child, reserved, folder): Starting) -> Self {
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in stderr.lines() {
                // What stopped its start is text.
                let line = line.unwrap();
                heard.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        let address = reserved.local_addr().unwrap();
        let instance = Self { address, child, lines, reserved, _folder: folder };
        let listening = format!("listening on http://{address},");
        let says_so =
            |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with(&listening));
        let start = Instant::now();
        loop {
            if instance.lines().iter().any(says_so) {
                return instance;
            }
            assert!(start.elapsed() < LIMIT, "it does not listen: {:?}", instance.lines());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops it as an operator does, and starts a new one in its place.
    pub async fn replace(&mut self, database_url: &str) {
        self.signal("-TERM");
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < LIMIT, "it does not stop");
            tokio::time::sleep(LOOK).await;
        };
        assert_eq!(status.code(), Some(0));
        *self = Self::listening(Self::spawn(database_url, Arc::clone(&self.reserved), &[])).await;
    }

    fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// The requests it has logged, but for the proxy's own.
    pub fn requests(&self) -> Vec<Value> {
        let of_clients =
            |line: &Value| line["message"] == "request" && line["route"] != "/api/v1/health/ready";
        self.lines().into_iter().filter(of_clients).collect()
    }

    /// Ends it with a signal and does not wait.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Three instances on one database of PostgreSQL.
pub struct Instances {
    pub each: [Instance; 3],
    pub database: TestDatabase,
}

impl Instances {
    pub async fn start() -> Self {
        Self::start_on(TestDatabase::create(Backend::Postgres).await, &[]).await
    }

    /// On this database, with settings beside the usual ones.
    pub async fn start_on(database: TestDatabase, extra: &[(&str, &str)]) -> Self {
        let [one, two, three] = [(); 3].map(|()| Instance::spawn(&database.url, Arc::new(reserve()), extra));
        let each = [
            Instance::listening(one).await,
            Instance::listening(two).await,
            Instance::listening(three).await,
        ];
        Self { each, database }
    }

    pub fn addresses(&self) -> [SocketAddr; 3] {
        [0, 1, 2].map(|index| self.each[index].address)
    }

    /// Who served the requests with these ids, and what was logged of each. A line may come after
    /// its answer.
    pub async fn logged(&self, ids: &[String]) -> HashMap<String, Vec<(usize, Value)>> {
        let start = Instant::now();
        loop {
            let mut found: HashMap<String, Vec<(usize, Value)>> = HashMap::new();
            for (index, instance) in self.each.iter().enumerate() {
                for line in instance.requests() {
                    let id = line["request_id"].as_str().unwrap().to_owned();
                    if ids.contains(&id) {
                        found.entry(id).or_default().push((index, line));
                    }
                }
            }
            if found.len() == ids.len() {
                return found;
            }
            assert!(start.elapsed() < LIMIT, "not all of {ids:?} were logged: {found:?}");
            tokio::time::sleep(LOOK).await;
        }
    }
}
