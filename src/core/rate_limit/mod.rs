//! How many requests a client may make: an exact window of 60 seconds that slides with the clock.

mod memory;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use memory::Windows;

/// How far back requests count.
pub const WINDOW: Duration = Duration::from_mins(1);

/// What requests are counted by: a client and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    client: IpAddr,
    scope: Arc<str>,
}

impl Key {
    /// The requests of the client at `address` within `scope`. An IPv6 client is its /64, which is what one customer
    /// gets: counted by address, it would have 2^64 limits.
    pub fn new(address: IpAddr, scope: &Arc<str>) -> Self {
        let client = match address.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
            ip @ IpAddr::V4(_) => ip,
        };
        Self { client, scope: Arc::clone(scope) }
    }
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request may go on. One that may not is not counted.
    pub allowed: bool,
    /// How many requests fit into a window.
    pub limit: u32,
    /// How many more would be let through now.
    pub remaining: u32,
    /// Seconds, rounded up, until the oldest request leaves the window and another one fits in.
    pub reset: u32,
}

/// Counts requests, in this process.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    windows: Arc<Windows>,
    clock: Clock,
}

impl RateLimiter {
    /// A limiter that has seen nothing.
    pub fn new(clock: Clock) -> Self {
        Self { windows: Arc::default(), clock }
    }

    /// Counts a request if it is among the first `limit` of the last 60 seconds. Of requests at the same time,
    /// exactly as many are let through as fit.
    pub fn check(&self, key: Key, limit: u32) -> Verdict {
        self.windows.hit(key, limit, &self.clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn key(address: &str) -> Key {
        Key::new(address.parse().unwrap(), &Arc::from("/things"))
    }

    fn limiter() -> (RateLimiter, Clock) {
        let clock = Clock::default();
        (RateLimiter::new(clock.clone()), clock)
    }

    #[test]
    fn the_window_slides_with_each_request_instead_of_starting_anew() {
        let (limiter, clock) = limiter();
        let allowed = |n: usize| (0..n).filter(|_| limiter.check(key("192.0.2.1"), 3).allowed).count();
        assert_eq!(allowed(1), 1);
        clock.advance(MINUTE / 2);
        assert_eq!(allowed(5), 2);
        clock.advance(MINUTE / 2);
        assert_eq!(allowed(5), 1, "only the first request has left the window");
        clock.advance(MINUTE / 2);
        assert_eq!(allowed(5), 2);
    }

    #[test]
    fn a_refused_request_does_not_count() {
        let (limiter, clock) = limiter();
        assert!(limiter.check(key("192.0.2.1"), 1).allowed);
        for _ in 0..10 {
            clock.advance(MINUTE / 20);
            assert!(!limiter.check(key("192.0.2.1"), 1).allowed);
        }
        clock.advance(MINUTE / 2);
        assert!(limiter.check(key("192.0.2.1"), 1).allowed);
    }

    #[test]
    fn a_verdict_says_what_is_left_and_when_there_is_more() {
        let (limiter, clock) = limiter();
        let verdict = |allowed, remaining, reset| Verdict { allowed, limit: 2, remaining, reset };
        assert_eq!(limiter.check(key("192.0.2.1"), 2), verdict(true, 1, 60));
        clock.advance(Duration::from_secs(20));
        assert_eq!(limiter.check(key("192.0.2.1"), 2), verdict(true, 0, 40));
        assert_eq!(limiter.check(key("192.0.2.1"), 2), verdict(false, 0, 40));
    }

    #[test]
    fn clients_and_scopes_are_counted_apart_and_a_64_is_one_client() {
        let (limiter, _) = limiter();
        let allowed = |key| limiter.check(key, 1).allowed;
        assert!(allowed(key("192.0.2.1")) && allowed(key("192.0.2.2")));
        assert!(!allowed(key("::ffff:192.0.2.1")), "an IPv4 address in IPv6 clothes");
        assert!(allowed(Key::new("192.0.2.1".parse().unwrap(), &Arc::from("/other"))));
        assert!(allowed(key("2001:db8:0:1::1")));
        assert!(!allowed(key("2001:db8:0:1:ffff::2")));
        assert!(allowed(key("2001:db8:0:2::1")));
    }

    #[test]
    fn of_requests_at_once_exactly_the_limit_is_let_through() {
        let (limiter, _) = limiter();
        let allowed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| (0..500).filter(|_| limiter.check(key("192.0.2.1"), 1000).allowed).count())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 1000);
    }
}
