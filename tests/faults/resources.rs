//! What a process may run short of: memory and descriptors.

use std::fs;
use std::process::Command;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::faults::scene::LivenessProbe;
use crate::support::client::raw;
use crate::support::postgres::eventually;
use crate::support::process::Process;
use crate::support::{Backend, TestDatabase};

const REQUEST: &[u8] = b"GET /api/v1/health/live HTTP/1.1\r\nHost: test\r\n\r\n";

async fn started() -> (TestDatabase, Process) {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let service = Process::start(&[("DATABASE_URL", &database.url)]).await;
    (database, service)
}

/// KiB, as the kernel counts them: `VmRSS` now, `VmHWM` at the most.
fn memory(process: &Process, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg_attr(not(target_os = "linux"), ignore = "needs Linux")]
#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_a_gigabyte_use_no_noticeable_memory() {
    const CHUNK: usize = 0x10000;
    const CHUNKS: usize = (1 << 30) / CHUNK;
    let (_database, service) = started().await;
    assert_eq!(service.probe("ready").await, Some(200));
    let before = memory(&service, "VmRSS");
    let liveness = LivenessProbe::start(&service.url);
    let mut senders = JoinSet::new();
    for number in 0..16 {
        let is_announced = number % 2 == 0;
        let framing = if is_announced {
            format!("Content-Length: {}", 1 << 30)
        } else {
            "Transfer-Encoding: chunked".to_owned()
        };
        let head = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        );
        let blanks = " ".repeat(CHUNK);
        let chunk = if is_announced { blanks } else { format!("{CHUNK:x}\r\n{blanks}\r\n") };
        let pieces =
            std::iter::once(head.into_bytes()).chain(std::iter::repeat_n(chunk.into_bytes(), CHUNKS));
        let url = service.url.clone();
        senders.spawn(async move { raw(&url, pieces).await.sent });
    }
    for sent in senders.join_all().await {
        // What was read, and what lay in buffers on the way.
        assert!(sent < CHUNKS / 16, "{sent} of {CHUNKS} chunks were taken");
    }
    liveness.expect_alive().await;
    let grown = memory(&service, "VmHWM").saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for 16 GiB");
}

/// How many descriptors it may have.
fn limit(process: &Process, descriptors: &str) {
    let limit = format!("--nofile={descriptors}:");
    let done = Command::new("prlimit").args(["--pid", &process.id(), &limit]).status().unwrap();
    assert!(done.success());
}

async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut bytes = [0; 4096];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[cfg_attr(not(target_os = "linux"), ignore = "needs Linux")]
#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_connected_clients_are_served_and_new_ones_later() {
    const ACCEPT_PAUSE_MS: u128 = 100;
    let (_database, service) = started().await;
    let address = service.url.strip_prefix("http://").unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", service.id())).unwrap();
    let usual = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let usual = usual.split_whitespace().next().unwrap();
    let mut connected = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut connected).await.starts_with("HTTP/1.1 200"));

    let open = fs::read_dir(format!("/proc/{}/fd", service.id())).unwrap().count();
    limit(&service, &open.to_string());
    let start = Instant::now();
    let mut waiting = Vec::new();
    for _ in 0..50 {
        waiting.push(TcpStream::connect(address).await.unwrap());
    }
    let complaints = || service.log().matches("cannot accept a connection").count();
    eventually("it cannot accept any more", async || (complaints() > 2).then_some(())).await;
    assert!(ask(&mut connected).await.starts_with("HTTP/1.1 200"));
    // It does not try all the time.
    let (tried, passed) = (complaints() as u128, start.elapsed().as_millis());
    assert!(tried <= passed / ACCEPT_PAUSE_MS + 2, "{tried} in {passed} ms");

    limit(&service, usual);
    for stream in &mut waiting {
        assert!(ask(stream).await.starts_with("HTTP/1.1 200"));
    }
}
