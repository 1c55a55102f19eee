//! The service as a process.

use std::process::{Child, Command, Stdio};

use crate::support::redis::eventually;
use crate::support::{Call, SECRET};

/// The service as a process, with its log.
pub struct Process {
    child: Child,
    pub url: String,
    _folder: tempfile::TempDir,
    log: std::path::PathBuf,
}

impl Process {
    /// With the Redis at this address, and the roots of trust in this file.
    pub async fn start(redis: &str, roots: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let child = Command::new(env!("CARGO_BIN_EXE_groundwork"))
            .current_dir(folder.path())
            .env_clear()
            .envs([("PORT", "0"), ("REDIS_URL", redis), ("JWT_SECRET_KEY", SECRET)])
            .envs([("SSL_CERT_FILE", roots), ("REDIS_TIMEOUT", "2000")])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn();
        let mut process = Self { child: child.unwrap(), url: String::new(), _folder: folder, log };
        eventually("the process listens", async || process.lines_with("listening on ") == 1).await;
        process.url = process.address();
        process
    }

    pub async fn standing(&self) -> String {
        let answer = Call::new(&self.url, "GET", "/api/v1/health/ready").send().await.expect(200).json();
        answer["status"].as_str().unwrap().to_owned()
    }

    /// Where it listens, as its log says.
    fn address(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let (_, rest) = log.split_once("listening on ").unwrap();
        rest.split([',', ' ', '\n']).next().unwrap().to_owned()
    }

    pub fn lines_with(&self, text: &str) -> usize {
        std::fs::read_to_string(&self.log).unwrap().lines().filter(|line| line.contains(text)).count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
