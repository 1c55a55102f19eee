//! Cached values in process.

use std::time::Duration;

use bytes::Bytes;
use groundwork_clock::{Clock, Timestamp};

/// The budget for values and keys, in bytes. Beyond it, the least used ones are evicted.
const BUDGET: u64 = 32 * 1024 * 1024;

/// What an entry costs beside its key and value, in bytes: its places in the table and in the lists
/// that order eviction.
const ENTRY_COST: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct MemoryStore {
    entries: moka::sync::Cache<String, Entry>,
    clock: Clock,
}

#[derive(Clone, Debug)]
struct Entry {
    value: Bytes,
    expires_at: Timestamp,
}

impl MemoryStore {
    pub(super) fn new(clock: Clock) -> Self {
        let weigh = |key: &String, entry: &Entry| {
            u32::try_from(ENTRY_COST + key.len() + entry.value.len()).unwrap_or(u32::MAX)
        };
        Self { entries: moka::sync::Cache::builder().max_capacity(BUDGET).weigher(weigh).build(), clock }
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        self.entries.get(key).filter(|entry| entry.expires_at > self.clock.now()).map(|entry| entry.value)
    }

    pub(super) fn set(&self, key: &str, value: Bytes, ttl: Duration) {
        let expires_at = self.clock.now().plus(ttl);
        self.entries.insert(key.to_owned(), Entry { value, expires_at });
    }

    pub(super) fn delete(&self, key: &str) {
        self.entries.invalidate(key);
    }
}
