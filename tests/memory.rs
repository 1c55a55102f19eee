//! What a million clients cost, as the operating system counts it: a process of its own, so that nothing else is measured.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "with --nocapture it is what the reader wants")]

use std::net::Ipv4Addr;
use std::sync::Arc;

use groundwork::core::clock::Clock;
use groundwork::core::rate_limit::{Key, RateLimiter};

/// The bound that docs/decisions/0013 states, in KiB.
const BOUND: u64 = 48 * 1024;

/// The resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_million_clients_with_several_requests_each_stay_within_the_stated_bound() {
    let (limiter, scope) = (RateLimiter::new(None, Clock::default()), Arc::from("/api/v1/users/me"));
    let before = resident();
    let mut most = 0;
    for client in 0..1_000_000 {
        let key = Key::new(Ipv4Addr::from_bits(client).into(), &scope);
        for _ in 0..5 {
            assert!(limiter.check(key.clone(), 60).await.allowed);
        }
        if client % 10_000 == 0 {
            most = most.max(resident().saturating_sub(before));
        }
    }
    println!("a million clients: {most} KiB at the most");
    assert!(most > 1024, "the clients are not remembered at all");
    assert!(most <= BOUND, "{most} KiB");
}
