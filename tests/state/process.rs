//! The service as a process.

use std::process::{Child, Command, Stdio};

use crate::support::redis::{eventually, free_port};
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
        let (port, log) = (free_port(), folder.path().join("log"));
        let child = Command::new(env!("CARGO_BIN_EXE_groundwork"))
            .current_dir(folder.path())
            .env_clear()
            .envs([("PORT", port.to_string().as_str()), ("REDIS_URL", redis), ("JWT_SECRET_KEY", SECRET)])
            .envs([("SSL_CERT_FILE", roots), ("REDIS_TIMEOUT", "300")])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn();
        let process =
            Self { child: child.unwrap(), url: format!("http://127.0.0.1:{port}"), _folder: folder, log };
        let live = format!("{}/api/v1/health/live", process.url);
        eventually("the process serves", async || reqwest::get(&live).await.is_ok()).await;
        process
    }

    pub async fn standing(&self) -> String {
        let answer = Call::new(&self.url, "GET", "/api/v1/health/ready").send().await.expect(200).json();
        answer["status"].as_str().unwrap().to_owned()
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
