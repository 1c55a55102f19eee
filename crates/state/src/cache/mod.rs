//! A cache in Redis, where all instances see it, or in process. It is never the source of truth:
//! what cannot be read from it is loaded, and what changes is deleted from it.

mod memory;
mod redis;
mod single_flight;
mod version;

use std::time::Duration;

use bytes::Bytes;
use groundwork_clock::Clock;
use metrics::Counter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use crate::redis::Redis;
use memory::MemoryStore;
use redis::RedisStore;
use single_flight::SingleFlight;
use version::version_of;

/// A type whose values are cached, as JSON.
///
/// In Redis, a value is stored under a version, which follows from [`VERSION`](Self::VERSION) and
/// the names of the type's own fields. During a deployment, old and new instances thus keep their
/// values side by side; a deletion removes both.
pub trait Cached: Serialize + DeserializeOwned + 'static {
    /// The first part of its keys: `users:get_user_profile`.
    const PREFIX: &'static str;

    /// To be increased when a field changes its meaning, or when a type inside a field changes so
    /// that serde still reads its old JSON.
    const VERSION: u32 = 1;
}

/// The key of one value: `users:get_user_profile:123`.
pub fn key_of<T: Cached>(id: impl std::fmt::Display) -> String {
    format!("{}:{id}", T::PREFIX)
}

/// A cache; clones share it.
#[derive(Clone, Debug)]
pub struct Cache {
    store: CacheStore,
    single_flight: SingleFlight,
    ttl: Duration,
    hits: Counter,
    misses: Counter,
    shared: Counter,
}

#[derive(Clone, Debug)]
enum CacheStore {
    Memory(MemoryStore),
    Redis(RedisStore),
}

impl Cache {
    /// A cache in `redis`, or in process without one. A value lives for `ttl`, less up to a tenth
    /// at random so that values cached together do not expire together.
    pub fn new(redis: Option<Redis>, ttl: Duration, clock: Clock) -> Self {
        let store = match redis {
            Some(redis) => CacheStore::Redis(RedisStore::new(redis)),
            None => CacheStore::Memory(MemoryStore::new(clock)),
        };
        let [hits, misses, shared] = ["hit", "miss", "shared"].map(requests_counter);
        Self { store, single_flight: SingleFlight::default(), ttl, hits, misses, shared }
    }

    /// Deletes a key, in all versions. After it returns, no value is served whose load began before
    /// the call.
    pub async fn delete(&self, key: &str) {
        self.single_flight.forget(key);
        match &self.store {
            CacheStore::Memory(store) => store.delete(key),
            CacheStore::Redis(store) => store.delete(key).await,
        }
    }

    /// A guard to be held during a change that affects the key's value.
    pub fn invalidation(&self, key: String) -> Invalidation {
        Invalidation { pending: Some((self.clone(), key)) }
    }

    /// The cached value of a key, or the result of `load`, which is then cached. Concurrent callers
    /// in this process share one look-up and one load; if the load fails, the next caller tries its
    /// own.
    ///
    /// # Errors
    /// Those of `load`, which are not cached.
    pub async fn cached<T: Cached, E, L: Future<Output = Result<T, E>>>(
        &self,
        key: &str,
        load: impl Fn() -> L,
    ) -> Result<T, E> {
        let flight = self.single_flight.join(key);
        let mut own = None;
        let look_up_or_load = async {
            let (cached, lease) = match &self.store {
                CacheStore::Memory(store) => (store.get(key), None),
                CacheStore::Redis(store) => store.look_up(key, &version_of::<T>()).await,
            };
            if let Some(bytes) = &cached
                && let Ok(value) = serde_json::from_slice(bytes)
            {
                self.hits.increment(1);
                own = Some(value);
                return Ok(bytes.clone());
            }
            self.misses.increment(1);
            let value = load().await?;
            // What cannot be serialized is as good as not cached: empty bytes cannot be read.
            let bytes = Bytes::from(serde_json::to_vec(&value).unwrap_or_default());
            let ttl = jittered(self.ttl);
            match (&self.store, lease) {
                (CacheStore::Memory(store), _) => flight.if_current(|| store.set(key, bytes.clone(), ttl)),
                (CacheStore::Redis(store), Some(lease)) => {
                    store.store(key, &version_of::<T>(), &bytes, lease, ttl).await;
                }
                (CacheStore::Redis(_), None) => {}
            }
            own = Some(value);
            Ok(bytes)
        };
        let bytes = flight.value(look_up_or_load).await?;
        if let Some(value) = own {
            return Ok(value);
        }
        self.shared.increment(1);
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(value),
            Err(_) => load().await,
        }
    }
}

/// Deletes a key after a change, also if the call that made the change is dropped after its commit.
#[must_use]
pub struct Invalidation {
    pending: Option<(Cache, String)>,
}

impl Invalidation {
    /// Deletes the key now that the change is committed.
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

fn jittered(ttl: Duration) -> Duration {
    let mut random = [0];
    // Without randomness, the value lives for the whole time.
    let _ = getrandom::fill(&mut random);
    ttl.saturating_sub(ttl / 10 * u32::from(random[0]) / 256)
}

fn requests_counter(result: &'static str) -> Counter {
    metrics::counter!("cache_requests_total", "result" => result)
}
