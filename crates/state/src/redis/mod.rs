//! Redis with bounded calls: the first call that fails makes all callers continue without Redis at
//! once, and a background task finds out when it is available again.

mod client;
mod recovery;
mod sentinel;
mod subscription;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use metrics::Gauge;
use redis::{Cmd, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use crate::url::RedisUrl;
use client::RedisClient;
use recovery::RefusalLog;
pub use redis as driver;
pub use subscription::Subscription;

/// How to use a Redis.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// Where it is.
    pub url: RedisUrl,
    /// Prepended to every key. Must not contain braces: in a cluster they would decide on which
    /// node a key is stored.
    pub key_prefix: String,
    /// How long a call may take, connecting included, before Redis counts as unavailable.
    pub timeout: Duration,
    /// The span around each call; `Span::none` records none.
    pub call_span: fn() -> Span,
}

/// Redis did not reply in time, or refused this key. It has been logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis is unavailable")]
pub struct RedisUnavailable;

/// A Lua script, which Redis runs atomically. It accesses only the one key it is given: in a
/// cluster, another key may be stored on another node.
pub(crate) struct LuaScript {
    source: &'static str,
    hash: OnceLock<String>,
}

impl LuaScript {
    pub(crate) const fn new(source: &'static str) -> Self {
        Self { source, hash: OnceLock::new() }
    }

    fn hash(&self) -> &str {
        self.hash.get_or_init(|| redis::Script::new(self.source).get_hash().to_owned())
    }
}

/// A handle to Redis; clones share its connections.
#[derive(Clone)]
pub struct Redis(Arc<RedisInner>);

struct RedisInner {
    config: RedisConfig,
    client: RedisClient,
    is_available: watch::Sender<bool>,
    pending_deletions: Mutex<BTreeSet<String>>,
    refusals: Mutex<RefusalLog>,
    up: Gauge,
}

/// Why a call failed, and what it affects.
enum CallError {
    /// Redis cannot be used.
    Unavailable(String),
    /// Redis works, but not for this key, or not for this command on it.
    KeyRefused(String),
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("tier", &self.tier()).finish_non_exhaustive()
    }
}

impl Redis {
    /// Does not connect yet: the first call does.
    pub fn new(config: RedisConfig) -> Self {
        let up = metrics::gauge!("redis_up");
        up.set(1.0);
        Self(Arc::new(RedisInner {
            client: RedisClient::new(config.url.servers.clone(), config.timeout),
            config,
            is_available: watch::Sender::new(true),
            pending_deletions: Mutex::default(),
            refusals: Mutex::default(),
            up,
        }))
    }

    /// `redis`, `redis_sentinel` or `redis_cluster`.
    pub fn tier(&self) -> &'static str {
        self.0.config.url.tier()
    }

    /// Whether calls go to Redis at present.
    pub fn is_available(&self) -> bool {
        *self.0.is_available.borrow()
    }

    /// Sends a `PING` and returns the round-trip time.
    pub async fn ping(&self) -> Result<Duration, RedisUnavailable> {
        let start = Instant::now();
        let _: Value = self.call("ping", |_| cmd("PING")).await?;
        Ok(start.elapsed())
    }

    /// Runs a command on one key, which it receives with the prefix.
    pub async fn call<T: FromRedisValue>(
        &self,
        key: &str,
        command: impl FnOnce(&str) -> Cmd,
    ) -> Result<T, RedisUnavailable> {
        self.execute(key, async |inner, key| inner.client.send(&command(key)).await).await
    }

    /// Runs a script on one key: one round trip, and a second one if the server does not know the
    /// script yet.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &LuaScript,
        key: &str,
        arguments: &[&[u8]],
    ) -> Result<T, RedisUnavailable> {
        let eval = |name: &str, script: &str, key: &str| {
            let mut command = cmd(name);
            command.arg(script).arg(1).arg(key).arg(arguments);
            command
        };
        self.execute(key, async |inner, key| {
            match inner.client.send(&eval("EVALSHA", script.hash(), key)).await {
                // The server was restarted or flushed. EVAL also stores the script under its hash.
                Err(error) if is_unknown_script(&error) => {
                    inner.client.send(&eval("EVAL", script.source, key)).await
                }
                reply => reply,
            }
        })
        .await
    }

    /// Deletes a key. While Redis is unavailable, the deletion is remembered and done before
    /// anything is read from Redis again (up to 10,000 keys). A Redis that refuses to delete counts
    /// as unavailable, because its contents can no longer be trusted.
    pub async fn delete(&self, key: &str) -> Result<(), RedisUnavailable> {
        let deleted = self.call::<()>(key, |key| cmd("DEL").arg(key).take()).await;
        if deleted.is_err() {
            let key = self.0.prefixed(key);
            self.0.add_pending_deletion(key.clone());
            self.become_unavailable(&key, "it refuses to delete a key");
        }
        deleted
    }

    async fn execute<T: FromRedisValue>(
        &self,
        key: &str,
        send: impl AsyncFnOnce(&RedisInner, &str) -> RedisResult<Value>,
    ) -> Result<T, RedisUnavailable> {
        let inner = &*self.0;
        let mut is_available = inner.is_available.subscribe();
        if !*is_available.borrow_and_update() {
            return Err(RedisUnavailable);
        }
        let key = inner.prefixed(key);
        let result = tokio::select! {
            biased;
            result = inner.attempt(&key, send).instrument((inner.config.call_span)()) => result,
            // Another call failed while this one was waiting.
            _ = is_available.wait_for(|is_available| !is_available) => return Err(RedisUnavailable),
        };
        result.map_err(|error| {
            match error {
                CallError::KeyRefused(reason) => inner.log_refusal(&key, &reason),
                CallError::Unavailable(reason) => self.become_unavailable(&key, &reason),
            }
            RedisUnavailable
        })
    }

    /// Makes all calls continue without Redis. The first caller logs it and starts the recovery.
    fn become_unavailable(&self, key: &str, reason: &str) {
        if self.0.is_available.send_if_modified(std::mem::take) {
            tracing::warn!(
                tier = self.tier(),
                reason,
                "Redis is unavailable: requests are counted in this process, and nothing is cached"
            );
            self.0.up.set(0.0);
            self.0.client.reconnect();
            tokio::spawn(recovery::recover(Arc::downgrade(&self.0), key.to_owned()));
        }
    }
}

impl RedisInner {
    fn prefixed(&self, key: &str) -> String {
        format!("{}{key}", self.config.key_prefix)
    }

    async fn attempt<T: FromRedisValue>(
        &self,
        key: &str,
        send: impl AsyncFnOnce(&Self, &str) -> RedisResult<Value>,
    ) -> Result<T, CallError> {
        let call = async {
            let reason = match send(self, key).await {
                Ok(value) => match T::from_redis_value(value) {
                    Ok(value) => return Ok(value),
                    Err(error) => error.to_string(),
                },
                // An error reply. Its code does not say whether the key or the server is affected:
                // before version 7, each error inside a script is `ERR`.
                Err(error) if error.code().is_some() => error.to_string(),
                Err(error) => return Err(CallError::Unavailable(error.to_string())),
            };
            let is_key = self.accepts_writes_near(key).await;
            Err(if is_key { CallError::KeyRefused(reason) } else { CallError::Unavailable(reason) })
        };
        timeout(self.config.timeout, call).await.unwrap_or_else(|_| {
            Err(CallError::Unavailable(format!("no answer within {} ms", self.config.timeout.as_millis())))
        })
    }

    /// Whether another key can be written to the node that stores this one. It is a write because a
    /// server out of memory and a replica still read. The braces select the same node of a cluster,
    /// and the prefix satisfies an ACL for it.
    async fn accepts_writes_near(&self, key: &str) -> bool {
        let probe = format!("{}probe:{{{key}}}", self.config.key_prefix);
        self.client.send(cmd("SET").arg(probe).arg("").arg("PX").arg(1000)).await.is_ok()
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript)
}
