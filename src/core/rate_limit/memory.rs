//! The windows of all clients in bounded memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::{Key, Verdict, WINDOW_MICROS, seconds_up};
use crate::core::clock::Clock;

/// The most memory that windows take, in bytes, beside the one in use. Beyond it the client that was seen longest ago
/// is forgotten: whoever sends from that many addresses can win back its requests, and nothing else.
const BUDGET: usize = 32 * 1024 * 1024;

/// What a key costs beside its requests, in bytes: the key, its place in the list and in the table, and the headers of
/// three allocations.
const KEY_COST: usize = 192;

/// Instants of the requests in a window, in microseconds, oldest first.
type Hits = VecDeque<i64>;

#[derive(Debug)]
pub(super) struct Windows(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    by_key: LruCache<Key, Hits>,
    bytes: usize,
}

impl Default for Windows {
    fn default() -> Self {
        Self(Mutex::new(Inner { by_key: LruCache::unbounded(), bytes: 0 }))
    }
}

impl Windows {
    pub(super) fn hit(&self, key: Key, limit: u32, clock: &Clock) -> Verdict {
        let mut inner = self.lock();
        // Read under the lock: instants are then in order.
        let now = clock.now().micros();
        let verdict = inner.hit(key, limit, now);
        inner.forget(now);
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn hit(&mut self, key: Key, limit: u32, now: i64) -> Verdict {
        if !self.by_key.contains(&key) {
            self.bytes += KEY_COST;
        }
        let hits = self.by_key.get_or_insert_mut(key, Hits::new);
        let before = hits.capacity();
        while hits.front().is_some_and(|hit| *hit <= now - WINDOW_MICROS) {
            hits.pop_front();
        }
        // A clock that was set back must not lock a client out until it has caught up.
        while hits.back().is_some_and(|hit| *hit > now) {
            hits.pop_back();
        }
        let count = u32::try_from(hits.len()).unwrap_or(u32::MAX);
        let allowed = count < limit;
        if allowed {
            hits.push_back(now);
        }
        let oldest = hits.front().copied().unwrap_or(now);
        self.bytes += (hits.capacity() - before) * size_of::<i64>();
        Verdict {
            allowed,
            limit,
            remaining: limit.saturating_sub(count + u32::from(allowed)),
            reset: seconds_up(oldest + WINDOW_MICROS - now),
        }
    }

    /// Drops the clients seen longest ago: those whose windows are empty by now, and more while there are too many.
    fn forget(&mut self, now: i64) {
        let idle = |hits: &Hits| hits.back().is_none_or(|hit| *hit <= now - WINDOW_MICROS);
        while self.by_key.len() > 1 {
            let last = self.by_key.peek_lru().filter(|(_, hits)| self.bytes > BUDGET || idle(hits));
            if last.is_none() {
                break;
            }
            if let Some((_, hits)) = self.by_key.pop_lru() {
                self.bytes -= KEY_COST + hits.capacity() * size_of::<i64>();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::core::rate_limit::MICROS_PER_SECOND;

    fn key(client: u32) -> Key {
        Key::new(Ipv4Addr::from_bits(client).into(), &Arc::from("/things"))
    }

    #[test]
    fn a_million_clients_stay_within_the_budget_and_the_newest_are_remembered() {
        let (windows, clock) = (Windows::default(), Clock::default());
        let clients = 1_000_000;
        for client in 0..clients {
            assert!(windows.hit(key(client), 1, &clock).allowed);
        }
        let inner = windows.lock();
        let counted: usize =
            inner.by_key.iter().map(|(_, hits)| KEY_COST + hits.capacity() * size_of::<i64>()).sum();
        assert_eq!(inner.bytes, counted);
        assert!(inner.bytes <= BUDGET && inner.by_key.len() > 100_000, "{} keys", inner.by_key.len());
        drop(inner);
        assert!(!windows.hit(key(clients - 1), 1, &clock).allowed);
    }

    #[test]
    fn clients_that_have_gone_are_forgotten() {
        let (windows, clock) = (Windows::default(), Clock::default());
        for client in 0..1000 {
            windows.hit(key(client), 5, &clock);
        }
        clock.advance(Duration::from_mins(2));
        windows.hit(key(1), 5, &clock);
        assert_eq!(windows.lock().by_key.len(), 1);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_lock_anybody_out() {
        let mut inner = Inner { by_key: LruCache::unbounded(), bytes: 0 };
        let later = 3600 * MICROS_PER_SECOND;
        assert!(inner.hit(key(1), 1, later).allowed);
        assert!(inner.hit(key(1), 1, 0).allowed);
        assert!(!inner.hit(key(1), 1, 1).allowed);
    }
}
