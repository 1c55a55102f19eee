//! Cached values in Redis: one hash per key, with a field per version for its value and one for its
//! lease.

use std::time::Duration;

use bytes::Bytes;
use metrics::Counter;

use super::requests_counter;
use crate::redis::{LuaScript, Redis};

/// Permission to store a loaded value. Deleting the key revokes it, so that a value that was read
/// before a change is never stored after it.
pub(super) type Lease = [u8; 16];

/// How long after a look-up its value may be stored, in milliseconds.
const LEASE_TTL_MS: &[u8] = b"10000";

/// Returns the value, or sets a lease. `ARGV`: version, lease, lifetime of the lease.
static LOOK_UP: LuaScript = LuaScript::new(
    r"
    local value = redis.call('HGET', KEYS[1], ARGV[1])
    if value then return value end
    redis.call('HSET', KEYS[1], 'lease:' .. ARGV[1], ARGV[2])
    -- The value of another version keeps its lifetime.
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
    return false
    ",
);

/// Stores a value. `ARGV`: version, lease, lifetime, value.
static STORE: LuaScript = LuaScript::new(
    r"
    local lease = 'lease:' .. ARGV[1]
    if redis.call('HGET', KEYS[1], lease) ~= ARGV[2] then return 0 end
    redis.call('HDEL', KEYS[1], lease)
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    return 1
    ",
);

#[derive(Clone, Debug)]
pub(super) struct RedisStore {
    redis: Redis,
    errors: Counter,
}

impl RedisStore {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, errors: requests_counter("error") }
    }

    /// The value, or a lease to store it. Neither if Redis cannot be used.
    pub(super) async fn look_up(&self, key: &str, version: &str) -> (Option<Bytes>, Option<Lease>) {
        let mut lease = Lease::default();
        if getrandom::fill(&mut lease).is_err() {
            return (None, None);
        }
        let arguments: [&[u8]; 3] = [version.as_bytes(), &lease, LEASE_TTL_MS];
        match self.redis.run::<Option<Vec<u8>>>(&LOOK_UP, key, &arguments).await {
            Ok(Some(bytes)) => (Some(bytes.into()), None),
            Ok(None) => (None, Some(lease)),
            Err(_) => {
                self.errors.increment(1);
                (None, None)
            }
        }
    }

    /// Stores a value if the lease is still valid.
    pub(super) async fn store(&self, key: &str, version: &str, bytes: &[u8], lease: Lease, ttl: Duration) {
        let ttl = ttl.as_millis().to_string();
        let arguments: [&[u8]; 4] = [version.as_bytes(), &lease, ttl.as_bytes(), bytes];
        if self.redis.run::<i64>(&STORE, key, &arguments).await.is_err() {
            self.errors.increment(1);
        }
    }

    pub(super) async fn delete(&self, key: &str) {
        if self.redis.delete(key).await.is_err() {
            self.errors.increment(1);
        }
    }
}
