//! How many requests a client may make: an exact window of 60 seconds that slides with the clock. Instances that share
//! a Redis count together; without one, and while it is away, each counts for itself.

mod memory;
mod redis;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;

use super::clock::Clock;
use super::email::Email;
use super::ids::SessionId;
use super::redis::Redis;
use super::telemetry::metrics::{Meter, RATE_LIMIT_DECISIONS, counter};
use memory::Windows;

/// How far back requests count.
pub const WINDOW: Duration = Duration::from_mins(1);

/// What requests are counted by: who makes them and what they ask for.
#[derive(Clone, Debug)]
pub struct Key {
    name: Name,
    /// Where the request came from; no part of what it is counted by.
    network: Network,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    subject: Subject,
    scope: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Client(IpAddr),
    Account([u8; 16]),
    ClientOfAccount(IpAddr, [u8; 16]),
    Session(SessionId),
}

/// The network that a request came from, as one customer may have it: an IPv6 /48 or an IPv4 /24. `None` when it is not
/// known.
type Network = Option<IpAddr>;

impl Key {
    /// The requests of the client at `address` within `scope`. An IPv6 client is its /64, which is what one customer
    /// gets: counted by address, it would have 2^64 limits.
    pub fn new(address: IpAddr, scope: &Arc<str>) -> Self {
        Self::of(Subject::Client(client_at(address)), scope, Some(address))
    }

    /// The requests within `scope` that are about the account with this email, whoever makes them. This one is made
    /// from `address`.
    pub fn of_account(email: &Email, address: IpAddr, scope: &Arc<str>) -> Self {
        Self::of(Subject::Account(digest_of(email)), scope, Some(address))
    }

    /// The same, of the client at `address`.
    pub fn of_client_and_account(address: IpAddr, email: &Email, scope: &Arc<str>) -> Self {
        Self::of(Subject::ClientOfAccount(client_at(address), digest_of(email)), scope, Some(address))
    }

    /// The requests within `scope` in this session, wherever they come from.
    pub fn of_session(session: SessionId, scope: &Arc<str>) -> Self {
        Self::of(Subject::Session(session), scope, None)
    }

    fn of(subject: Subject, scope: &Arc<str>, address: Option<IpAddr>) -> Self {
        let network = address.map(|address| network_of(address, 24, 48));
        Self { name: Name { subject, scope: Arc::clone(scope) }, network }
    }
}

impl Name {
    fn is_of_client(&self) -> bool {
        matches!(self.subject, Subject::Client(_))
    }
}

/// Whether both addresses count as one client.
pub fn is_one_client(one: IpAddr, other: IpAddr) -> bool {
    client_at(one) == client_at(other)
}

/// What a client at this address is counted by: an IPv4 address itself, an IPv6 address by its /64.
pub fn client_at(address: IpAddr) -> IpAddr {
    network_of(address, 32, 64)
}

/// The first address of the network with so many bits of prefix, by the version of IP.
fn network_of(address: IpAddr, v4_prefix: u32, v6_prefix: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & !u32::MAX.checked_shr(v4_prefix).unwrap_or(0)))
        }
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !(u128::MAX >> v6_prefix))),
    }
}

/// Not the address itself, which is nothing to keep where it is only counted.
fn digest_of(email: &Email) -> [u8; 16] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, email.as_str().as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_ref()[..16]);
    half
}

/// The key's name in Redis. Without braces: in a cluster, what stands between them alone would decide where a key lives,
/// and every key of `/users/{id}` would live together.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rate_limit:")?;
        match &self.name.subject {
            Subject::Client(client) => write!(f, "{client}")?,
            Subject::Account(account) => write!(f, "{:032x}", u128::from_be_bytes(*account))?,
            Subject::ClientOfAccount(client, account) => {
                write!(f, "{client}:{:032x}", u128::from_be_bytes(*account))?;
            }
            Subject::Session(session) => write!(f, "{session}")?,
        }
        f.write_str(":")?;
        self.name.scope.split(['{', '}']).try_for_each(|part| f.write_str(part))
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

/// Counts requests.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    redis: Option<Redis>,
    windows: Arc<Windows>,
    clock: Clock,
}

impl RateLimiter {
    /// A limiter that counts in `redis` if there is one, and has seen nothing itself.
    pub fn new(redis: Option<Redis>, clock: Clock) -> Self {
        Self { redis, windows: Arc::default(), clock }
    }

    /// Counts a request if it is among the first `limit` of the last 60 seconds. Of requests at the same time,
    /// exactly as many are let through as fit.
    pub async fn check(&self, key: Key, limit: u32) -> Verdict {
        if let Some(redis) = &self.redis
            && let Ok(verdict) = redis::hit(redis, &key, limit, self.clock.offset_micros()).await
        {
            return verdict;
        }
        self.windows.hit(key, limit, &self.clock)
    }
}

/// How many requests fit into a window under one limit, whose decisions are counted by its name.
#[derive(Clone, Debug)]
pub struct Allowance {
    per_window: u32,
    allowed: Meter<Counter>,
    refused: Meter<Counter>,
}

impl Allowance {
    /// So many requests, under a limit of this name.
    pub fn new(name: &'static str, per_window: u32) -> Self {
        let count = |decision| counter(RATE_LIMIT_DECISIONS, &[("limit", name), ("decision", decision)]);
        Self { per_window, allowed: count("allowed"), refused: count("refused") }
    }

    /// Counts a request under this limit.
    pub async fn check(&self, limiter: &RateLimiter, key: Key) -> Verdict {
        let verdict = limiter.check(key, self.per_window).await;
        if verdict.allowed { &self.allowed } else { &self.refused }.increment(1);
        verdict
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a minute")]
const WINDOW_MICROS: i64 = WINDOW.as_micros() as i64;
const MICROS_PER_SECOND: i64 = 1_000_000;

fn seconds_up(micros: i64) -> u32 {
    let seconds = micros.saturating_add(MICROS_PER_SECOND - 1).div_euclid(MICROS_PER_SECOND);
    u32::try_from(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_key_says_who_asks_for_what_and_holds_no_braces_and_no_email() {
        let scope = Arc::from("/api/v1/users/{id}");
        let name = |address: &str| Key::new(address.parse().unwrap(), &scope).to_string();
        assert_eq!(name("192.0.2.1"), "rate_limit:192.0.2.1:/api/v1/users/id");
        assert_eq!(name("2001:db8:0:1:ffff::2"), "rate_limit:2001:db8:0:1:::/api/v1/users/id");
        let email = Email::parse("ada@example.com").unwrap();
        let name = Key::of_account(&email, "192.0.2.1".parse().unwrap(), &Arc::from("login")).to_string();
        assert!(name.len() == "rate_limit::login".len() + 32 && !name.contains("ada"), "{name}");
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!([0, 1, MICROS_PER_SECOND, MICROS_PER_SECOND + 1].map(seconds_up), [0, 1, 1, 2]);
    }
}
