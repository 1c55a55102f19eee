//! What a million clients cost, as the operating system counts it: a process of its own, so that
//! nothing else is measured.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "with --nocapture it is what the reader wants")]

use std::net::Ipv4Addr;
use std::sync::Arc;

use groundwork::domain::email::Email;
use groundwork_clock::Clock;
use groundwork_state::rate_limit::{RateLimitKey, RateLimiter};

/// The bound that docs/decisions/0013 states, in KiB.
const BOUND: u64 = 48 * 1024;

/// The resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The clients' addresses: next to each other, or each in a network of its own.
fn addresses(n: u32) -> [Ipv4Addr; 2] {
    [n, n.wrapping_mul(2_654_435_761)].map(Ipv4Addr::from_bits)
}

#[cfg_attr(not(target_os = "linux"), ignore = "needs Linux")]
#[tokio::test(flavor = "current_thread")]
async fn a_million_rate_limited_clients_stay_within_the_documented_memory() {
    let (route, log_in) = (Arc::from("/api/v1/users/me"), Arc::from("login"));
    let before = resident();
    // Networks of one client each cost more, so fewer fill the budget.
    let cases = [(1_000_000, "in few networks"), (200_000, "each in a network of its own")];
    for (which, (clients, name)) in cases.into_iter().enumerate() {
        let limiter = RateLimiter::new(None, Clock::default());
        let mut most = 0;
        for n in 0..clients {
            let address = addresses(n)[which].into();
            let key = RateLimitKey::for_client(address, &route);
            for _ in 0..5 {
                assert!(limiter.check(key.clone(), 60).await.allowed);
            }
            if n % 10 == 0 {
                let email = Email::parse(&format!("user{n}@example.com")).unwrap();
                limiter
                    .check(RateLimitKey::for_subject(email.as_str().as_bytes(), Some(address), &log_in), 60)
                    .await;
            }
            if n % 10_000 == 0 {
                most = most.max(resident().saturating_sub(before));
            }
        }
        println!("{clients} clients {name}: {most} KiB at the most");
        assert!(most > 1024, "the clients are not remembered at all");
        assert!(most <= BOUND, "{most} KiB");
    }
}
