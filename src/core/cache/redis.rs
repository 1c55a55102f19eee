//! Values in Redis: a hash a key, with a field for each version of the value's shape and one for its lease.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use metrics::Counter;
use redis::cmd;

use super::{Found, Lease, results};
use crate::core::redis::{Redis, Script};
use crate::core::telemetry::metrics::Meter;

/// A value may be stored this long, in milliseconds, after its look-up began.
const LEASE_MS: &[u8] = b"10000";

/// The value, or a lease on it: `ARGV` is the version, the lease and how long it holds.
static FIND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local value = redis.call('HGET', KEYS[1], ARGV[1])
        if value then return value end
        redis.call('HSET', KEYS[1], 'lease:' .. ARGV[1], ARGV[2])
        -- The value of another version keeps its time.
        if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
        return false
        ",
    )
});

/// Stores a value: `ARGV` is the version, the lease or nothing, how long it lives, and the value.
static STORE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local lease = 'lease:' .. ARGV[1]
        if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], lease) ~= ARGV[2] then return 0 end
        redis.call('HDEL', KEYS[1], lease)
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return 1
        ",
    )
});

#[derive(Clone, Debug)]
pub(super) struct Hashes {
    redis: Redis,
    errors: Meter<Counter>,
}

impl Hashes {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, errors: results("error") }
    }

    pub(super) async fn get(&self, key: &str, version: &str) -> Option<Bytes> {
        let get = |key: &str| cmd("HGET").arg(key).arg(version).take();
        self.redis.call::<Option<Vec<u8>>>(key, get).await.ok().flatten().map(Bytes::from)
    }

    pub(super) async fn find(&self, key: &str, version: &str, lease: Lease) -> Found {
        let found =
            self.redis.run::<Option<Vec<u8>>>(&FIND, key, &[version.as_bytes(), &lease, LEASE_MS]).await;
        match found {
            Ok(Some(bytes)) => Found::Value(bytes.into()),
            Ok(None) => Found::Nothing(Some(lease)),
            Err(_) => {
                self.errors.increment(1);
                Found::Nothing(None)
            }
        }
    }

    pub(super) async fn store(
        &self,
        key: &str,
        version: &str,
        bytes: &Bytes,
        lease: Option<Lease>,
        ttl: Duration,
    ) {
        let ttl = ttl.as_millis().to_string();
        let lease = lease.as_ref().map_or(&[][..], |lease| lease);
        let stored =
            self.redis.run::<i64>(&STORE, key, &[version.as_bytes(), lease, ttl.as_bytes(), bytes]).await;
        if stored.is_err() {
            self.errors.increment(1);
        }
    }

    pub(super) async fn delete(&self, key: &str) {
        if self.redis.delete(key).await.is_err() {
            self.errors.increment(1);
        }
    }
}
