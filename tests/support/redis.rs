//! Redis for tests: the one that the run shares, and servers of a test's own that it may hurt.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use redis::{AsyncConnectionConfig, Cmd, FromRedisValue};
use tempfile::TempDir;

use super::postgres::{self, LIMIT};

/// The file that makes a server a Sentinel, which also writes to it.
const SENTINEL: &str = "sentinel.conf";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The shared Redis server. A test that needs it is ignored by `cargo test` and included by
/// `./scripts/test`; without the server it fails.
pub fn server() -> String {
    std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL must name a Redis for tests; ./scripts/test starts one")
}

/// The shared Redis Cluster.
pub fn cluster() -> String {
    std::env::var("TEST_REDIS_CLUSTER_URL")
        .expect("TEST_REDIS_CLUSTER_URL must name a Redis Cluster for tests; ./scripts/test starts one")
}

/// What the keys of one test begin with.
pub fn fresh_prefix() -> String {
    format!("test_{}_{}:", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One command at a server.
pub async fn ask<T: FromRedisValue>(url: &str, command: &Cmd) -> redis::RedisResult<T> {
    // The driver by itself gives up after half a second.
    let patient =
        AsyncConnectionConfig::new().set_connection_timeout(Some(LIMIT)).set_response_timeout(Some(LIMIT));
    let mut connection =
        redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await?;
    command.query_async(&mut connection).await
}

/// A server of the test's own; it ends with the test.
pub struct RedisServer {
    pub port: u16,
    process: Child,
    folder: TempDir,
    options: Vec<String>,
}

impl RedisServer {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With options of the command line beside the usual ones.
    pub async fn start_with(options: &[&str]) -> Self {
        Self::start_as(None, options).await
    }

    /// A Sentinel with these lines in its configuration.
    pub async fn start_sentinel(configuration: &str) -> Self {
        Self::start_as(Some(configuration), &[]).await
    }

    async fn start_as(sentinel: Option<&str>, options: &[&str]) -> Self {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            if let Some(configuration) = sentinel {
                std::fs::write(folder.path().join(SENTINEL), configuration).unwrap();
            }
            let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
            let port = candidate_port();
            let process = spawn(port, &folder, &options);
            let mut server = Self { port, process, folder, options };
            if server.has_started().await {
                return server;
            }
        }
        panic!("Redis does not start");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it without any farewell.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again on the same port, empty.
    pub async fn restart(&mut self) {
        self.process = spawn(self.port, &self.folder, &self.options);
        assert!(self.has_started().await, "Redis does not start again");
    }

    /// Freezes it: connections stay, nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> redis::RedisResult<T> {
        ask(&self.url(), command).await
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.process.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Whether it serves; else it has ended. Who else has the port may answer too, so it is asked
    /// for its number.
    async fn has_started(&mut self) -> bool {
        let (url, own) = (self.url(), format!("process_id:{}\r", self.process.id()));
        let process = std::sync::Mutex::new(&mut self.process);
        let has_ended = || process.lock().unwrap().try_wait().unwrap().is_some();
        let answers = async || {
            let info = ask::<String>(&url, redis::cmd("INFO").arg("server")).await;
            info.is_ok_and(|info| info.contains(&own))
        };
        eventually("Redis starts or ends", async || has_ended() || answers().await).await;
        !has_ended()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(port: u16, folder: &TempDir, options: &[String]) -> Child {
    let (mut command, sentinel) = (Command::new("redis-server"), folder.path().join(SENTINEL));
    if sentinel.exists() {
        command.arg(sentinel).arg("--sentinel");
    } else {
        command.args(["--save", "", "--appendonly", "no"]);
    }
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server; ./scripts/test installs it")
}

/// So that there may be one for the bus of a cluster, 10,000 above, and still below those of
/// outgoing connections.
pub fn candidate_port() -> u16 {
    postgres::candidate_port() - 10_000
}

/// Waits for what must come true, within bounds.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    postgres::eventually(what, async || is_so().await.then_some(())).await;
}
