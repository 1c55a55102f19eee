//! A cache: in Redis, where all instances see it, or in this process. It is never the truth: what cannot be read from it is
//! loaded, and what is written elsewhere is deleted from it.

mod flights;
mod memory;
mod redis;
mod shape;

use std::time::Duration;

use bytes::Bytes;
use metrics::Counter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use super::clock::Clock;
use super::ids::random_bytes;
use super::redis::Redis;
use super::telemetry::metrics::{CACHE_REQUESTS, Meter, counter};
use flights::Flights;
use memory::Entries;
use redis::Hashes;
use shape::version_of;

/// Something that is cached.
///
/// In Redis, a value is kept under a version that follows from the fields it is read from, down to their types: while a
/// deployment is under way, old and new instances keep their own shapes side by side, and deletion takes both.
pub trait Cached: Serialize + DeserializeOwned + 'static {
    /// What its keys begin with: `users:get_user_profile`, by what it is and how it is got.
    const PREFIX: &'static str;
}

/// The key of one value: `users:get_user_profile:123`.
pub fn key_of<T: Cached>(id: impl std::fmt::Display) -> String {
    format!("{}:{id}", T::PREFIX)
}

/// A cache, shared by all clones.
#[derive(Clone, Debug)]
pub struct Cache {
    store: Store,
    flights: Flights,
    ttl: Duration,
    hits: Meter<Counter>,
    misses: Meter<Counter>,
    shared: Meter<Counter>,
}

#[derive(Clone, Debug)]
enum Store {
    Memory(Entries),
    Redis(Hashes),
}

/// What a store knows of a value.
enum Found {
    /// The value as it is kept.
    Value(Bytes),
    /// Nothing. What is loaded may be stored under this lease, unless the key is deleted before.
    Nothing(Option<Lease>),
}

/// Permission to store what was loaded: deleting the key takes it back, so that what was read before a change is not
/// stored after it.
type Lease = [u8; 16];

impl Cache {
    /// A cache in `redis` if there is one, whose values live for about `ttl`.
    pub fn new(redis: Option<Redis>, ttl: Duration, clock: Clock) -> Self {
        let store = redis
            .map_or_else(|| Store::Memory(Entries::new(clock)), |redis| Store::Redis(Hashes::new(redis)));
        let [hits, misses, shared] = ["hit", "miss", "shared"].map(results);
        Self { store, flights: Flights::default(), ttl, hits, misses, shared }
    }

    /// The value of a key, if it is there.
    pub async fn get<T: Cached>(&self, key: &str) -> Option<T> {
        let found = match &self.store {
            Store::Memory(entries) => entries.get(key),
            Store::Redis(hashes) => hashes.get(key, &version_of::<T>()).await,
        };
        found.and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    /// Sets the value of a key.
    pub async fn set<T: Cached>(&self, key: &str, value: &T) {
        if let Ok(bytes) = serde_json::to_vec(value) {
            self.store::<T>(key, bytes.into(), None).await;
        }
    }

    /// Deletes a key. From when this returns on, nothing is served that was loaded before it was called.
    pub async fn delete(&self, key: &str) {
        self.flights.forget(key);
        match &self.store {
            Store::Memory(entries) => entries.delete(key),
            Store::Redis(hashes) => hashes.delete(key).await,
        }
    }

    /// To be held while a change is made that the key's value tells of.
    pub fn invalidation(&self, key: String) -> Invalidation {
        Invalidation { pending: Some((self.clone(), key)) }
    }

    /// The value of a key, or what `load` gives, which is then kept. However many ask for a key at once, one of this
    /// instance looks and loads, and the others wait for it; when its loader fails, the next one tries.
    ///
    /// # Errors
    /// Those of `load`, which are not kept.
    pub async fn cached<T: Cached, E, L: Future<Output = Result<T, E>>>(
        &self,
        key: &str,
        load: impl Fn() -> L,
    ) -> Result<T, E> {
        let flight = self.flights.join(key);
        let mut own = None;
        let bytes = flight
            .value(async {
                let lease = match self.find::<T>(key).await {
                    Found::Value(bytes) => {
                        if let Ok(value) = serde_json::from_slice(&bytes) {
                            self.hits.increment(1);
                            own = Some(value);
                            return Ok(bytes);
                        }
                        None
                    }
                    Found::Nothing(lease) => lease,
                };
                self.misses.increment(1);
                let value = load().await?;
                let bytes = Bytes::from(serde_json::to_vec(&value).unwrap_or_default());
                if lease.is_some() && !bytes.is_empty() {
                    self.store::<T>(key, bytes.clone(), lease).await;
                }
                own = Some(value);
                Ok(bytes)
            })
            .await?;
        if let Some(value) = own {
            return Ok(value);
        }
        self.shared.increment(1);
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(value),
            Err(_) => load().await,
        }
    }

    async fn find<T: Cached>(&self, key: &str) -> Found {
        let Ok(lease) = random_bytes() else { return Found::Nothing(None) };
        match &self.store {
            Store::Memory(entries) => entries.find(key, lease),
            Store::Redis(hashes) => hashes.find(key, &version_of::<T>(), lease).await,
        }
    }

    async fn store<T: Cached>(&self, key: &str, bytes: Bytes, lease: Option<Lease>) {
        let ttl = jittered(self.ttl);
        match &self.store {
            Store::Memory(entries) => entries.store(key, bytes, lease, ttl),
            Store::Redis(hashes) => hashes.store(key, &version_of::<T>(), &bytes, lease, ttl).await,
        }
    }
}

/// Deletes a key, also when the call that made the change is dropped after the change was committed.
#[must_use]
pub struct Invalidation {
    pending: Option<(Cache, String)>,
}

impl Invalidation {
    /// The change is made: deletes the key.
    pub async fn done(mut self) {
        if let Some((cache, key)) = &self.pending {
            cache.delete(key).await;
        }
        self.pending = None;
    }
}

impl Drop for Invalidation {
    fn drop(&mut self) {
        if let (Some((cache, key)), Ok(runtime)) = (self.pending.take(), Handle::try_current()) {
            runtime.spawn(async move { cache.delete(&key).await });
        }
    }
}

/// From nine tenths of `ttl` to the whole: what was cached together must not all expire together.
fn jittered(ttl: Duration) -> Duration {
    let [random] = random_bytes().unwrap_or([0]);
    ttl.saturating_sub(ttl / 10 * u32::from(random) / 256)
}

fn results(result: &'static str) -> Meter<Counter> {
    counter(CACHE_REQUESTS, &[("result", result)])
}
