//! Cached values in process.

use std::time::Duration;

use bytes::Bytes;
use groundwork_clock::{Clock, Timestamp};
use moka::ops::compute::Op;

use super::{Lease, Lookup};

/// The budget for values and keys, in bytes. Beyond it, the least used ones are evicted.
const BUDGET: u64 = 32 * 1024 * 1024;

/// What an entry costs beside its key and value, in bytes: its places in the table and in the lists
/// that order eviction.
const ENTRY_COST: usize = 256;

/// How long after a look-up its value may be stored.
const LEASE_TTL: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(super) struct MemoryStore {
    entries: moka::sync::Cache<String, Entry>,
    clock: Clock,
}

#[derive(Clone, Debug)]
struct Entry {
    content: Content,
    expires_at: Timestamp,
}

#[derive(Clone, Debug)]
enum Content {
    Value(Bytes),
    Lease(Lease),
}

impl MemoryStore {
    pub(super) fn new(clock: Clock) -> Self {
        let weigh = |key: &String, entry: &Entry| {
            let value = match &entry.content {
                Content::Value(bytes) => bytes.len(),
                Content::Lease(_) => 0,
            };
            u32::try_from(ENTRY_COST + key.len() + value).unwrap_or(u32::MAX)
        };
        Self { entries: moka::sync::Cache::builder().max_capacity(BUDGET).weigher(weigh).build(), clock }
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        let entry = self.entries.get(key)?;
        match entry.content {
            Content::Value(bytes) if entry.expires_at > self.clock.now() => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn look_up(&self, key: &str, lease: Lease) -> Lookup {
        if let Some(bytes) = self.get(key) {
            return Lookup::Hit(bytes);
        }
        let expires_at = self.clock.now().plus(LEASE_TTL);
        self.entries.insert(key.to_owned(), Entry { content: Content::Lease(lease), expires_at });
        Lookup::Miss(Some(lease))
    }

    /// With a lease, stores only if the lease is valid.
    pub(super) fn store(&self, key: &str, bytes: Bytes, lease: Option<Lease>, ttl: Duration) {
        let now = self.clock.now();
        let entry = Entry { content: Content::Value(bytes), expires_at: now.plus(ttl) };
        self.entries.entry_by_ref(key).and_compute_with(|present| {
            let present = present.map(moka::Entry::into_value).filter(|present| present.expires_at > now);
            let is_valid = |lease| {
                matches!(present, Some(Entry { content: Content::Lease(present), .. }) if present == lease)
            };
            if lease.is_none_or(is_valid) { Op::Put(entry) } else { Op::Nop }
        });
    }

    pub(super) fn delete(&self, key: &str) {
        self.entries.invalidate(key);
    }
}
