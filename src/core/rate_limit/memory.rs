//! The windows of all clients in bounded memory, shared fairly between networks.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::{Key, Name, Network, Verdict, WINDOW_MICROS, seconds_up};
use crate::core::clock::Clock;

/// The most memory that windows of clients take, in bytes, beside the one in use.
const CLIENT_BUDGET: usize = 24 * 1024 * 1024;

/// The same for windows of accounts and sessions: requests that are counted by client only cannot evict them.
/// Up to 3 MiB more are for the index of who made them.
const ACCOUNT_BUDGET: usize = 5 * 1024 * 1024;

/// What a window costs beside its requests, in bytes: the key, its place in the list and in the table, and the headers
/// of three allocations.
const KEY_COST: usize = 192;

/// What a network costs beside its windows, in bytes: its places in two tables and in the order of sizes, and an empty
/// list with its two ends.
const NETWORK_COST: usize = 640;

/// Instants of the requests in a window, in microseconds, oldest first.
type Hits = VecDeque<i64>;

#[derive(Debug)]
pub(super) struct Windows {
    clients: Mutex<Table>,
    accounts: Mutex<Table>,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            clients: Mutex::new(Table::new(CLIENT_BUDGET, WhenFull::Forget)),
            accounts: Mutex::new(Table::new(ACCOUNT_BUDGET, WhenFull::Refuse)),
        }
    }
}

impl Windows {
    pub(super) fn hit(&self, key: Key, limit: u32, clock: &Clock) -> Verdict {
        let table = if key.name.is_of_client() { &self.clients } else { &self.accounts };
        let mut table = lock(table);
        // Read under the lock: instants are then in order.
        let now = clock.now().micros();
        table.hit(key, limit, now)
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // Nothing in here panics half-way through a change.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happens to a new window when the budget is used up and no network holds more than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenFull {
    /// The network's oldest window is forgotten: a client with that many addresses regains its own requests.
    Forget,
    /// The request is refused: else a client would regain guesses at an account by guessing at many others.
    Refuse,
}

/// Windows by the network that made them. Beyond the budget, the network that holds most forgets its oldest window, so
/// a network evicts others only when it holds less than they do.
#[derive(Debug)]
struct Table {
    budget: usize,
    when_full: WhenFull,
    /// The network seen longest ago is last.
    by_network: LruCache<Network, Group>,
    by_size: BTreeSet<(usize, Network)>,
    /// The network that made a window which others hit too. A client's own is always made by its network.
    makers: Makers,
    bytes: usize,
}

type Makers = HashMap<Name, Network>;

/// The windows that one network made.
#[derive(Debug)]
struct Group {
    by_name: LruCache<Name, Hits>,
    bytes: usize,
}

impl Table {
    fn new(budget: usize, when_full: WhenFull) -> Self {
        Self {
            budget,
            when_full,
            by_network: LruCache::unbounded(),
            by_size: BTreeSet::new(),
            makers: Makers::new(),
            bytes: 0,
        }
    }

    fn hit(&mut self, key: Key, limit: u32, now: i64) -> Verdict {
        let Key { name, network } = key;
        self.forget_idle_networks(now);
        let network = self.makers.get(&name).copied().unwrap_or(network);
        let group = self.by_network.get_or_insert_mut(network, Group::new);
        let before = group.bytes;
        group.forget_idle(now, &mut self.makers);
        let (is_new, after) = (!group.by_name.contains(&name), group.bytes);
        self.account(network, before, after);
        if is_new && self.when_full == WhenFull::Refuse && self.would_hold_most(after) {
            return Verdict { allowed: false, limit, remaining: 0, reset: seconds_up(WINDOW_MICROS) };
        }
        if is_new && !name.is_of_client() {
            self.makers.insert(name.clone(), network);
        }
        let group = self.by_network.get_or_insert_mut(network, Group::new);
        let before = group.bytes;
        let verdict = group.hit(name, limit, now);
        let after = group.bytes;
        self.account(network, before, after);
        self.forget_beyond_budget(network);
        verdict
    }

    /// Whether one more window would go beyond the budget, and the network that holds `bytes` now would hold the most.
    fn would_hold_most(&self, bytes: usize) -> bool {
        let most = self.by_size.last().map_or(0, |(bytes, _)| *bytes);
        self.bytes + KEY_COST > self.budget && bytes + KEY_COST >= most
    }

    /// Notes that a network holds `after` instead of `before`; one without windows is dropped.
    fn account(&mut self, network: Network, before: usize, after: usize) {
        if before != after {
            self.by_size.remove(&(before, network));
            self.by_size.insert((after, network));
            self.bytes = self.bytes + after - before;
        }
    }

    /// Drops the networks seen longest ago whose windows are all empty by now.
    fn forget_idle_networks(&mut self, now: i64) {
        while let Some((_, group)) = self.by_network.peek_lru() {
            if !group.by_name.peek_mru().is_none_or(|(_, hits)| is_idle(hits, now)) {
                break;
            }
            if let Some((network, group)) = self.by_network.pop_lru() {
                self.by_size.remove(&(group.bytes, network));
                self.bytes -= group.bytes;
                for (name, _) in &group.by_name {
                    self.makers.remove(name);
                }
            }
        }
    }

    /// Evicts from the network that holds most, but never the window in use, which is the newest of `current`.
    fn forget_beyond_budget(&mut self, current: Network) {
        while self.bytes > self.budget {
            let by_network = &self.by_network;
            let has_another = |network: &Network| {
                *network != current || by_network.peek(network).is_some_and(|group| group.by_name.len() > 1)
            };
            let largest = self.by_size.iter().rev().find(|(_, network)| has_another(network));
            let Some(&(before, network)) = largest else { break };
            let Some(group) = self.by_network.peek_mut(&network) else { break };
            group.forget_oldest(&mut self.makers);
            let after = group.bytes;
            if group.by_name.is_empty() {
                self.by_network.pop(&network);
                self.by_size.remove(&(before, network));
                self.bytes -= before;
            } else {
                self.account(network, before, after);
            }
        }
    }
}

impl Group {
    fn new() -> Self {
        Self { by_name: LruCache::unbounded(), bytes: 0 }
    }

    fn hit(&mut self, name: Name, limit: u32, now: i64) -> Verdict {
        if self.by_name.is_empty() {
            self.bytes = NETWORK_COST;
        }
        if !self.by_name.contains(&name) {
            self.bytes += KEY_COST;
        }
        let hits = self.by_name.get_or_insert_mut(name, Hits::new);
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

    fn forget_idle(&mut self, now: i64, makers: &mut Makers) {
        while self.by_name.peek_lru().is_some_and(|(_, hits)| is_idle(hits, now)) {
            self.forget_oldest(makers);
        }
    }

    fn forget_oldest(&mut self, makers: &mut Makers) {
        if let Some((name, hits)) = self.by_name.pop_lru() {
            self.bytes -= cost(&hits);
            makers.remove(&name);
        }
    }
}

fn cost(hits: &Hits) -> usize {
    KEY_COST + hits.capacity() * size_of::<i64>()
}

fn is_idle(hits: &Hits, now: i64) -> bool {
    hits.back().is_none_or(|hit| *hit <= now - WINDOW_MICROS)
}

#[cfg(test)]
mod tests;
