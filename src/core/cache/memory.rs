//! Values in this process.

use std::time::Duration;

use bytes::Bytes;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::{Found, Lease};
use crate::core::clock::{Clock, Timestamp};

/// The most memory that values and their keys take, in bytes. Beyond it, what is used least is dropped.
const BUDGET: u64 = 32 * 1024 * 1024;

/// What an entry costs beside its key and value, in bytes: its places in the table and in the lists of use.
const ENTRY_COST: usize = 256;

/// A value may be stored this long after its look-up began.
const LEASE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(super) struct Entries {
    by_key: Cache<String, Entry>,
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
    Leased(Lease),
}

impl Entries {
    pub(super) fn new(clock: Clock) -> Self {
        let weigh = |key: &String, entry: &Entry| {
            let value = match &entry.content {
                Content::Value(bytes) => bytes.len(),
                Content::Leased(_) => 0,
            };
            u32::try_from(ENTRY_COST + key.len() + value).unwrap_or(u32::MAX)
        };
        Self { by_key: Cache::builder().max_capacity(BUDGET).weigher(weigh).build(), clock }
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        let entry = self.by_key.get(key)?;
        match entry.content {
            Content::Value(bytes) if entry.expires_at > self.clock.now() => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn find(&self, key: &str, lease: Lease) -> Found {
        if let Some(bytes) = self.get(key) {
            return Found::Value(bytes);
        }
        let expires_at = self.clock.now().plus(LEASE);
        self.by_key.insert(key.to_owned(), Entry { content: Content::Leased(lease), expires_at });
        Found::Nothing(Some(lease))
    }

    /// With a lease: only if it holds.
    pub(super) fn store(&self, key: &str, bytes: Bytes, lease: Option<Lease>, ttl: Duration) {
        let now = self.clock.now();
        let entry = Entry { content: Content::Value(bytes), expires_at: now.plus(ttl) };
        self.by_key.entry_by_ref(key).and_compute_with(|present| {
            let held = present.map(moka::Entry::into_value).filter(|held| held.expires_at > now);
            let holds =
                |lease| matches!(held, Some(Entry { content: Content::Leased(held), .. }) if held == lease);
            if lease.is_none_or(holds) { Op::Put(entry) } else { Op::Nop }
        });
    }

    pub(super) fn delete(&self, key: &str) {
        self.by_key.invalidate(key);
    }
}
