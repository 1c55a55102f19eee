//! The limiter, on every store.

use std::sync::Arc;
use std::time::Duration;

use groundwork_state::rate_limit::{RateLimitDecision, RateLimitKey, RateLimiter};
use tokio::task::JoinSet;

use crate::state::stores::on_every_store;

const MINUTE: Duration = Duration::from_mins(1);

fn key(address: &str) -> RateLimitKey {
    RateLimitKey::for_client(address.parse().unwrap(), &Arc::from("/things/{id}"))
}

/// How many of `n` requests are let through.
async fn allowed(limiter: &RateLimiter, n: usize, limit: u32) -> usize {
    let mut allowed = 0;
    for _ in 0..n {
        allowed += usize::from(limiter.check(key("192.0.2.1"), limit).await.allowed);
    }
    allowed
}

on_every_store! {
    async fn the_window_slides_with_each_request(store: Store) {
        let limiter = store.limiter();
        assert_eq!(allowed(&limiter, 1, 3).await, 1);
        store.clock.advance(MINUTE / 2);
        assert_eq!(allowed(&limiter, 5, 3).await, 2);
        store.clock.advance(MINUTE / 2);
        assert_eq!(allowed(&limiter, 5, 3).await, 1, "only the first request has left the window");
        store.clock.advance(MINUTE / 2);
        assert_eq!(allowed(&limiter, 5, 3).await, 2);
    }

    async fn a_refused_request_does_not_count(store: Store) {
        let limiter = store.limiter();
        assert_eq!(allowed(&limiter, 1, 1).await, 1);
        for _ in 0..10 {
            store.clock.advance(MINUTE / 20);
            assert_eq!(allowed(&limiter, 1, 1).await, 0);
        }
        store.clock.advance(MINUTE / 2);
        assert_eq!(allowed(&limiter, 1, 1).await, 1);
    }

    async fn a_decision_has_the_remaining_requests_and_the_reset_time(store: Store) {
        let limiter = store.limiter();
        let decision = |allowed, remaining, reset| RateLimitDecision { allowed, limit: 2, remaining, reset };
        assert_eq!(limiter.check(key("192.0.2.1"), 2).await, decision(true, 1, 60));
        store.clock.advance(Duration::from_secs(20));
        for (allowed, remaining) in [(true, 0), (false, 0)] {
            let said = limiter.check(key("192.0.2.1"), 2).await;
            // 40, less what has passed meanwhile.
            assert!((30..=40).contains(&said.reset), "{said:?}");
            assert_eq!(said, decision(allowed, remaining, said.reset));
        }
    }

    async fn clients_and_scopes_are_counted_separately_and_an_ipv6_64_is_one_client(store: Store) {
        let limiter = store.limiter();
        let allowed = async |key| limiter.check(key, 1).await.allowed;
        assert!(allowed(key("192.0.2.1")).await && allowed(key("192.0.2.2")).await);
        assert!(!allowed(key("::ffff:192.0.2.1")).await, "an IPv4 address in IPv6 clothes");
        assert!(allowed(RateLimitKey::for_client("192.0.2.1".parse().unwrap(), &Arc::from("/other"))).await);
        assert!(allowed(key("2001:db8:0:1::1")).await);
        assert!(!allowed(key("2001:db8:0:1:ffff::2")).await);
        assert!(allowed(key("2001:db8:0:2::1")).await);
    }

    async fn of_concurrent_requests_exactly_the_limit_is_allowed(store: Store) {
        let limiter = store.limiter();
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let limiter = limiter.clone();
            tasks.spawn(async move { allowed(&limiter, 500, 1000).await });
        }
        let total: usize = tasks.join_all().await.into_iter().sum();
        assert_eq!(total, 1000);
    }

    async fn a_lowered_limit_applies_at_once(store: Store) {
        let limiter = store.limiter();
        assert_eq!(allowed(&limiter, 5, 10).await, 5);
        assert_eq!(allowed(&limiter, 1, 3).await, 0);
        assert_eq!(limiter.check(key("192.0.2.1"), 3).await.remaining, 0);
    }
}
