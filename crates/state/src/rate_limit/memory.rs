//! Windows in process, in bounded memory that is shared fairly between networks.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use groundwork_clock::Clock;
use lru::LruCache;

use super::key::{Network, WindowId};
use super::{RateLimitDecision, RateLimitKey, WINDOW_MICROS};

/// The budget for windows of clients, in bytes, beside the one in use.
const CLIENT_BUDGET: usize = 24 * 1024 * 1024;

/// The budget for windows of subjects, in bytes, so that requests counted by client alone cannot
/// evict them. The index of their owners takes up to 3 MiB more.
const SUBJECT_BUDGET: usize = 5 * 1024 * 1024;

/// What a window costs beside its requests, in bytes: the key, its places in list and table, and
/// the headers of three allocations.
const WINDOW_COST: usize = 192;

/// What a network costs beside its windows, in bytes: its places in two tables and in the order of
/// sizes, and an empty list with its two ends.
const NETWORK_COST: usize = 640;

/// Times of the requests, in microseconds, oldest first.
type Window = VecDeque<i64>;

#[derive(Debug)]
pub(super) struct MemoryWindows {
    clients: Mutex<WindowTable>,
    subjects: Mutex<WindowTable>,
}

impl Default for MemoryWindows {
    fn default() -> Self {
        Self {
            clients: Mutex::new(WindowTable::new(CLIENT_BUDGET, WhenFull::Evict)),
            subjects: Mutex::new(WindowTable::new(SUBJECT_BUDGET, WhenFull::Refuse)),
        }
    }
}

impl MemoryWindows {
    pub(super) fn check(&self, key: RateLimitKey, limit: u32, clock: &Clock) -> RateLimitDecision {
        let table = if key.id.is_of_client_only() { &self.clients } else { &self.subjects };
        let mut table = lock(table);
        // Read under the lock, so that times are in order.
        let now = clock.now().micros();
        table.check(key, limit, now)
    }
}

fn lock(table: &Mutex<WindowTable>) -> MutexGuard<'_, WindowTable> {
    // No code in here panics half-way through a change.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens to a new window when the budget is used up and its network holds the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenFull {
    /// The network's oldest window is evicted: a client with that many addresses regains its own
    /// requests.
    Evict,
    /// The request is refused: otherwise a client would regain guesses at one account by guessing
    /// at many others.
    Refuse,
}

/// Windows by the network that owns them. Beyond the budget, the network that holds the most loses
/// its oldest window, so a network can evict others only if it holds less than they do.
#[derive(Debug)]
struct WindowTable {
    budget: usize,
    when_full: WhenFull,
    /// In order of use.
    by_network: LruCache<Network, NetworkWindows>,
    by_size: BTreeSet<(usize, Network)>,
    owners: Owners,
    bytes: usize,
}

/// The network that created a window which other networks use too. A window of a client alone is
/// always used from its own network.
type Owners = HashMap<WindowId, Network>;

/// The windows that one network owns.
#[derive(Debug)]
struct NetworkWindows {
    /// In order of use.
    by_id: LruCache<WindowId, Window>,
    bytes: usize,
}

impl WindowTable {
    fn new(budget: usize, when_full: WhenFull) -> Self {
        Self {
            budget,
            when_full,
            by_network: LruCache::unbounded(),
            by_size: BTreeSet::new(),
            owners: Owners::new(),
            bytes: 0,
        }
    }

    fn check(&mut self, key: RateLimitKey, limit: u32, now: i64) -> RateLimitDecision {
        let RateLimitKey { id, network } = key;
        self.drop_idle_networks(now);
        let network = self.owners.get(&id).copied().unwrap_or(network);
        let largest_other = self.by_size.iter().rev().find(|(_, other)| *other != network);
        let windows = self.by_network.get_or_insert_mut(network, NetworkWindows::new);
        let before = windows.bytes;
        windows.drop_idle(now, &mut self.owners);
        let is_new = !windows.by_id.contains(&id);
        let with_one_more = windows.bytes + WINDOW_COST;
        let would_hold_most = largest_other.is_none_or(|(bytes, _)| with_one_more >= *bytes);
        let is_over_budget = self.bytes - before + with_one_more > self.budget;
        let decision = if is_new && is_over_budget && would_hold_most && self.when_full == WhenFull::Refuse {
            RateLimitDecision::new(false, limit, limit, WINDOW_MICROS)
        } else {
            if is_new && !id.is_of_client_only() {
                self.owners.insert(id.clone(), network);
            }
            windows.check(id, limit, now)
        };
        let after = windows.bytes;
        self.account(network, before, after);
        self.evict_beyond_budget(network);
        decision
    }

    /// Accounts for the new size of a network.
    fn account(&mut self, network: Network, before: usize, after: usize) {
        if before != after {
            self.by_size.remove(&(before, network));
            self.by_size.insert((after, network));
            self.bytes = self.bytes + after - before;
        }
    }

    /// Drops the least recently used networks that have only idle windows.
    fn drop_idle_networks(&mut self, now: i64) {
        while let Some((&network, windows)) = self.by_network.peek_lru()
            && windows.by_id.peek_mru().is_none_or(|(_, window)| is_idle(window, now))
        {
            self.remove(network);
        }
    }

    /// Evicts from the network that holds the most, but never the window in use, which is the
    /// newest one of `current`.
    fn evict_beyond_budget(&mut self, current: Network) {
        while self.bytes > self.budget {
            let by_network = &self.by_network;
            let has_another = |network: &Network| {
                *network != current || by_network.peek(network).is_some_and(|windows| windows.by_id.len() > 1)
            };
            let largest = self.by_size.iter().rev().find(|(_, network)| has_another(network));
            let Some(&(_, network)) = largest else { break };
            let Some(windows) = self.by_network.get_mut(&network) else { break };
            let before = windows.bytes;
            windows.drop_oldest(&mut self.owners);
            let (after, is_empty) = (windows.bytes, windows.by_id.is_empty());
            self.account(network, before, after);
            if is_empty {
                self.remove(network);
            }
        }
    }

    fn remove(&mut self, network: Network) {
        if let Some(windows) = self.by_network.pop(&network) {
            self.by_size.remove(&(windows.bytes, network));
            self.bytes -= windows.bytes;
            for (id, _) in &windows.by_id {
                self.owners.remove(id);
            }
        }
    }
}

impl NetworkWindows {
    fn new() -> Self {
        Self { by_id: LruCache::unbounded(), bytes: 0 }
    }

    fn check(&mut self, id: WindowId, limit: u32, now: i64) -> RateLimitDecision {
        if self.by_id.is_empty() {
            self.bytes = NETWORK_COST;
        }
        if !self.by_id.contains(&id) {
            self.bytes += WINDOW_COST;
        }
        let window = self.by_id.get_or_insert_mut(id, Window::new);
        let before = window.capacity();
        while window.front().is_some_and(|time| *time <= now - WINDOW_MICROS) {
            window.pop_front();
        }
        // A clock that was set back must not lock a client out until it has caught up.
        while window.back().is_some_and(|time| *time > now) {
            window.pop_back();
        }
        let count = u32::try_from(window.len()).unwrap_or(u32::MAX);
        let allowed = count < limit;
        if allowed {
            window.push_back(now);
        }
        let oldest = window.front().copied().unwrap_or(now);
        self.bytes += (window.capacity() - before) * size_of::<i64>();
        RateLimitDecision::new(allowed, limit, count, oldest + WINDOW_MICROS - now)
    }

    fn drop_idle(&mut self, now: i64, owners: &mut Owners) {
        while self.by_id.peek_lru().is_some_and(|(_, window)| is_idle(window, now)) {
            self.drop_oldest(owners);
        }
    }

    fn drop_oldest(&mut self, owners: &mut Owners) {
        if let Some((id, window)) = self.by_id.pop_lru() {
            self.bytes -= cost(&window);
            owners.remove(&id);
        }
    }
}

fn cost(window: &Window) -> usize {
    WINDOW_COST + window.capacity() * size_of::<i64>()
}

fn is_idle(window: &Window, now: i64) -> bool {
    window.back().is_none_or(|time| *time <= now - WINDOW_MICROS)
}

#[cfg(test)]
mod tests;
