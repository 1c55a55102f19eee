//! The service as a process, at a Redis.

use crate::support::process::Process;

/// With the Redis at this address, and the roots of trust in this file.
pub async fn start(redis: &str, roots: &str) -> Process {
    Process::start(&[("REDIS_URL", redis), ("SSL_CERT_FILE", roots), ("REDIS_TIMEOUT", "2000")]).await
}

pub async fn standing(process: &Process) -> String {
    let answer = process.call("GET", "/api/v1/health/ready").send().await.expect(200).json();
    answer["status"].as_str().unwrap().to_owned()
}

pub fn lines_with(process: &Process, text: &str) -> usize {
    process.log().lines().filter(|line| line.contains(text)).count()
}
