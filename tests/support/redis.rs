//! Redis for tests: the one that the run shares, and servers of a test's own that it may hurt.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::{Cmd, FromRedisValue};
use tempfile::TempDir;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where the shared server is. It is never skipped: a run without it would prove half of what it says.
pub fn server() -> String {
    std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL must name a Redis for tests; ./scripts/test starts one")
}

/// Where the shared cluster is.
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
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
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
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let port = free_port();
        let process = spawn(port, &folder, &options);
        let server = Self { port, process, folder, options };
        server.until_it_answers().await;
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The folder it runs in; options may name files in it.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Ends it without any farewell.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again on the same port, empty.
    pub async fn restart(&mut self) {
        self.process = spawn(self.port, &self.folder, &self.options);
        self.until_it_answers().await;
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

    async fn until_it_answers(&self) {
        eventually("Redis answers", async || self.ask::<String>(&redis::cmd("PING")).await.is_ok()).await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(port: u16, folder: &TempDir, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server; ./scripts/test installs it")
}

/// A port that was free a moment ago, with one 10,000 above it for the bus of a cluster.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() % 20_000 + 20_000;
        if [port, port + 10_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
    }
}

/// Waits for what must come true, within bounds.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}: not within 20 s"));
}
