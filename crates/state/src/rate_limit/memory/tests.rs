use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::rate_limit::MICROS_PER_SECOND;

fn key_of(address: impl Into<IpAddr>, scope: &str) -> RateLimitKey {
    RateLimitKey::for_client(address.into(), &Arc::from(scope))
}

fn key(client: u32) -> RateLimitKey {
    key_of(Ipv4Addr::from_bits(client), "/things")
}

/// Of many networks: the client's number decides all four parts of its address.
fn spread(client: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(client.wrapping_mul(2_654_435_761))
}

/// The `n`th /64 of one /48.
fn attacker(n: u32) -> IpAddr {
    Ipv6Addr::from_bits((0x2001_0db8_0bad_u128 << 80) | (u128::from(n) << 64)).into()
}

fn login(name: &str, from: IpAddr) -> RateLimitKey {
    RateLimitKey::for_subject(name.as_bytes(), Some(from), &Arc::from("login"))
}

fn assert_consistent(table: &WindowTable) {
    let size_of_network = |windows: &NetworkWindows| {
        NETWORK_COST + windows.by_id.iter().map(|(_, window)| cost(window)).sum::<usize>()
    };
    let mut total = 0;
    for (network, windows) in &table.by_network {
        assert_eq!(windows.bytes, size_of_network(windows));
        assert!(table.by_size.contains(&(windows.bytes, *network)));
        total += windows.bytes;
    }
    assert_eq!((table.bytes, table.by_size.len()), (total, table.by_network.len()));
    assert!(table.bytes <= table.budget);
    assert!(table.owners.len() <= windows_in(table), "windows that are gone are still in the index");
}

fn windows_in(table: &WindowTable) -> usize {
    table.by_network.iter().map(|(_, windows)| windows.by_id.len()).sum()
}

#[test]
fn clients_without_end_stay_within_the_budget_and_the_newest_are_remembered() {
    for (address, least) in [(Ipv4Addr::from_bits as fn(u32) -> Ipv4Addr, 100_000), (spread, 25_000)] {
        let (windows, clock) = (MemoryWindows::default(), Clock::default());
        let clients = 300_000;
        for client in 0..clients {
            assert!(windows.check(key_of(address(client), "/things"), 1, &clock).allowed);
        }
        let table = lock(&windows.clients);
        assert_consistent(&table);
        assert!(windows_in(&table) > least, "{} keys", windows_in(&table));
        drop(table);
        assert!(!windows.check(key_of(address(clients - 1), "/things"), 1, &clock).allowed);
    }
}

#[test]
fn one_network_with_many_addresses_and_routes_evicts_no_window_but_its_own() {
    let (windows, clock) = (MemoryWindows::default(), Clock::default());
    let client = key(0xc000_0201);
    assert!(windows.check(client.clone(), 1, &clock).allowed);
    let victim = || login("victim", "192.0.2.1".parse().unwrap());
    assert!(windows.check(victim(), 1, &clock).allowed);
    for route in ["/a", "/b", "/c", "/d", "/e"] {
        for n in 0..0x1_0000 {
            windows.check(key_of(attacker(n), route), 60, &clock);
        }
    }
    assert_consistent(&lock(&windows.clients));
    assert!(!windows.check(client, 1, &clock).allowed, "the other client's count is lost");
    assert!(!windows.check(victim(), 1, &clock).allowed, "the account's count is lost");
}

#[test]
fn guesses_at_many_accounts_do_not_make_room_for_more_guesses_at_one() {
    let (windows, clock) = (MemoryWindows::default(), Clock::default());
    for n in 0..3 {
        assert!(windows.check(login("victim", attacker(n)), 3, &clock).allowed);
    }
    assert!(windows.check(login("owner", "192.0.2.1".parse().unwrap()), 1, &clock).allowed);
    for n in 0..100_000 {
        windows.check(login(&format!("made-up-{n}"), attacker(n % 0x1_0000)), 3, &clock);
    }
    assert_consistent(&lock(&windows.subjects));
    assert!(!windows.check(login("victim", attacker(7)), 3, &clock).allowed);
    assert!(!windows.check(login("owner", attacker(7)), 1, &clock).allowed);
    // The network that fills the budget is refused; others are not.
    let refused = windows.check(login("another", attacker(7)), 3, &clock);
    assert_eq!(refused, RateLimitDecision { allowed: false, limit: 3, remaining: 0, reset: 60 });
    assert!(windows.check(login("another", "192.0.2.1".parse().unwrap()), 3, &clock).allowed);
    clock.advance(Duration::from_mins(1));
    assert!(windows.check(login("another", attacker(7)), 3, &clock).allowed);
    assert_eq!(windows_in(&lock(&windows.subjects)), 1);
}

#[test]
fn a_subject_is_counted_over_all_networks() {
    let (windows, clock) = (MemoryWindows::default(), Clock::default());
    let attempt = |n| windows.check(login("victim", spread(n).into()), 3, &clock).allowed;
    assert_eq!([0, 1, 2, 3, 4].map(attempt), [true, true, true, false, false]);
    clock.advance(Duration::from_mins(1));
    assert!(attempt(5));
    assert_eq!(lock(&windows.subjects).owners.len(), 1);
}

#[test]
fn windows_with_many_requests_stay_within_the_budget_too() {
    let mut table = WindowTable::new(1024 * 1024, WhenFull::Evict);
    for client in 0..20 {
        for _ in 0..20_000 {
            assert!(table.check(key_of(spread(client), "/things"), 1_000_000, 0).allowed);
        }
    }
    assert_consistent(&table);
    assert_eq!(table.check(key_of(spread(19), "/things"), 1_000_000, 0).remaining, 1_000_000 - 20_001);
}

#[test]
fn idle_clients_are_forgotten() {
    let (windows, clock) = (MemoryWindows::default(), Clock::default());
    for client in 0..1000 {
        windows.check(key(client), 5, &clock);
    }
    clock.advance(Duration::from_mins(2));
    windows.check(key(1), 5, &clock);
    let table = lock(&windows.clients);
    assert_eq!((windows_in(&table), table.by_network.len()), (1, 1));
    assert_consistent(&table);
}

#[test]
fn a_clock_that_was_set_back_does_not_lock_a_client_out() {
    let mut table = WindowTable::new(CLIENT_BUDGET, WhenFull::Evict);
    let later = 3600 * MICROS_PER_SECOND;
    assert!(table.check(key(1), 1, later).allowed);
    assert!(table.check(key(1), 1, 0).allowed);
    assert!(!table.check(key(1), 1, 1).allowed);
}
