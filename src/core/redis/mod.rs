//! Redis, and how to live without it: a call is answered in bounded time, the first that is not makes all others go on
//! without Redis at once, and a task of its own finds out when it is back.

mod link;
mod sentinel;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use metrics::Gauge;
use redis::{Cmd, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::Instrument;

use super::settings::{RedisUrl, Settings};
use super::telemetry::metrics::{Meter, REDIS_UP, gauge};
use super::telemetry::traces::span_of;
use link::Link;

/// How often a Redis that is away is asked whether it is back.
const PROBE_PAUSE: Duration = Duration::from_millis(200);

/// So many keys that could not be deleted are remembered for when Redis is back; what is beyond them lives until it
/// expires.
const MAX_MISSED: usize = 10_000;

/// A key that Redis refuses is logged this often at most, however many there are and however often they are asked for.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Redis gives no answer, or none that helps for this key; it was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis is away")]
pub struct Away;

/// A program that Redis runs atomically. It must touch the one key it is given only: in a cluster another one may be
/// elsewhere.
pub struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    /// A script in Lua.
    pub fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }
}

/// Redis, shared by all clones.
#[derive(Clone, Debug)]
pub struct Redis(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Link,
    tier: &'static str,
    prefix: String,
    timeout: Duration,
    state: watch::Sender<State>,
    missed: Mutex<HashSet<String>>,
    refusals: Mutex<Refusals>,
    up: Meter<Gauge>,
}

/// What was logged of keys that Redis refuses.
#[derive(Debug, Default)]
struct Refusals {
    logged_at: Option<Instant>,
    not_logged: u64,
}

/// Why a call failed, and how far that reaches.
enum Failure {
    /// Redis cannot be used.
    Redis(String),
    /// Redis works, but not for this key, or not for this command on it.
    Key(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Answers,
    Away,
}

impl Redis {
    /// Redis as the settings say; `None` without `REDIS_URL`. Nothing is connected yet.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(settings: &Settings) -> RedisResult<Option<Self>> {
        settings.redis_url.as_ref().map(|url| Self::at(url, settings)).transpose()
    }

    fn at(url: &RedisUrl, settings: &Settings) -> RedisResult<Self> {
        let up = gauge(REDIS_UP, &[]);
        up.set(1.0);
        Ok(Self(Arc::new(Inner {
            link: Link::new(url, settings.redis_timeout)?,
            tier: url.tier(),
            prefix: settings.redis_key_prefix.to_string(),
            timeout: settings.redis_timeout,
            state: watch::Sender::new(State::Answers),
            missed: Mutex::default(),
            refusals: Mutex::default(),
            up,
        })))
    }

    /// `redis`, `redis_sentinel` or `redis_cluster`.
    pub fn tier(&self) -> &'static str {
        self.0.tier
    }

    /// Whether calls go to Redis at present.
    pub fn answers(&self) -> bool {
        *self.0.state.borrow() == State::Answers
    }

    /// Asks for a sign of life, and says how long it took.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn ping(&self) -> Result<Duration, Away> {
        let start = Instant::now();
        let _: Value = self.call("ping", |_| cmd("PING")).await?;
        Ok(start.elapsed())
    }

    /// Runs a script on one key: one round trip, and a second one when the server has never seen it.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&[u8]],
    ) -> Result<T, Away> {
        let by = |name: &str, program: &str, key: &str| {
            let mut command = cmd(name);
            command.arg(program).arg(1).arg(key).arg(arguments);
            command
        };
        self.checked(key, async |inner, key| {
            let answer = inner.link.send(&by("EVALSHA", &script.hash, key)).await;
            match answer {
                // The server was restarted or flushed. The source is kept under its hash as it runs.
                Err(error) if is_unknown_script(&error) => {
                    inner.link.send(&by("EVAL", script.source, key)).await
                }
                answer => answer,
            }
        })
        .await
    }

    /// Runs a command on one key.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn call<T: FromRedisValue>(
        &self,
        key: &str,
        command: impl FnOnce(&str) -> Cmd,
    ) -> Result<T, Away> {
        self.checked(key, async |inner, key| inner.link.send(&command(key)).await).await
    }

    /// Deletes a key. When Redis is away, that is made up for before anything is read from it again. A Redis that refuses
    /// to delete counts as away: what it holds can no longer be trusted.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn delete(&self, key: &str) -> Result<(), Away> {
        let deleted = self.call::<()>(key, |key| cmd("DEL").arg(key).take()).await;
        if deleted.is_err() {
            self.0.note_missed(key);
            // Redis may have come back in between, and the list have been worked off.
            if self.answers() {
                let deleted = self.call::<()>(key, |key| cmd("DEL").arg(key).take()).await;
                if deleted.is_err() {
                    self.give_up(&self.0.name_of(key), "it refuses to delete a key");
                }
                return deleted;
            }
        }
        deleted
    }

    async fn checked<T: FromRedisValue>(
        &self,
        key: &str,
        send: impl AsyncFnOnce(&Inner, &str) -> RedisResult<Value>,
    ) -> Result<T, Away> {
        let inner = &*self.0;
        let mut state = inner.state.subscribe();
        if *state.borrow_and_update() == State::Away {
            return Err(Away);
        }
        let key = inner.name_of(key);
        let span = span_of!("redis", "client", db.system.name = "redis");
        let answer = tokio::select! {
            biased;
            answer = timeout(inner.timeout, inner.attempt(&key, send)).instrument(span) => answer,
            // Another call has found out while this one waits.
            _ = state.wait_for(|state| *state == State::Away) => return Err(Away),
        };
        match answer {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(Failure::Key(reason))) => inner.note_refused(&key, &reason),
            Ok(Err(Failure::Redis(reason))) => self.give_up(&key, &reason),
            Err(_) => {
                self.give_up(&key, &format!("no answer within {} ms", inner.timeout.as_millis()));
            }
        }
        Err(Away)
    }

    /// Goes on without Redis; the first to notice says so and begins to ask when it is back.
    fn give_up(&self, key: &str, reason: &str) {
        let is_first =
            self.0.state.send_if_modified(|state| std::mem::replace(state, State::Away) != State::Away);
        if is_first {
            tracing::warn!(
                tier = self.0.tier,
                reason,
                "Redis is away: requests are counted in this process, and nothing is cached"
            );
            self.0.up.set(0.0);
            self.0.link.renew();
            tokio::spawn(recover(Arc::downgrade(&self.0), key.to_owned()));
        }
    }
}

impl Inner {
    fn name_of(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn attempt<T: FromRedisValue>(
        &self,
        key: &str,
        send: impl AsyncFnOnce(&Self, &str) -> RedisResult<Value>,
    ) -> Result<T, Failure> {
        let reason = match send(self, key).await {
            Ok(value) => match T::from_redis_value(value) {
                Ok(value) => return Ok(value),
                Err(error) => error.to_string(),
            },
            // The server answered. Its codes do not tell how far an error reaches: before version 7, each error inside
            // a script is `ERR`.
            Err(error) if error.code().is_some() => error.to_string(),
            Err(error) => return Err(Failure::Redis(error.to_string())),
        };
        if self.can_write_beside(key).await { Err(Failure::Key(reason)) } else { Err(Failure::Redis(reason)) }
    }

    /// Whether a new key can be written to the node that this one is on: a write, because a server out of memory or a
    /// replica still reads. The braces lead to the same node of a cluster, and the prefix satisfies an ACL for it.
    async fn can_write_beside(&self, key: &str) -> bool {
        let mut write = cmd("SET");
        write.arg(format!("{}probe:{{{key}}}", self.prefix)).arg("").arg("PX").arg(1000);
        self.link.send(&write).await.is_ok()
    }

    fn note_refused(&self, key: &str, reason: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.logged_at.is_some_and(|at| at.elapsed() < REFUSAL_LOG_INTERVAL) {
            refusals.not_logged += 1;
            return;
        }
        let Refusals { not_logged, .. } =
            std::mem::replace(&mut *refusals, Refusals { logged_at: Some(Instant::now()), not_logged: 0 });
        drop(refusals);
        tracing::warn!(
            tier = self.tier,
            key,
            reason,
            not_logged,
            "Redis refuses a key: this process counts and loads for it alone"
        );
    }

    fn note_missed(&self, key: &str) {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if missed.len() < MAX_MISSED {
            missed.insert(self.name_of(key));
        }
    }

    /// Deletes what could not be deleted; false when it still cannot.
    async fn catch_up(&self) -> bool {
        let keys = std::mem::take(&mut *self.missed.lock().unwrap_or_else(PoisonError::into_inner));
        let mut keys = keys.into_iter();
        while let Some(key) = keys.next() {
            let delete = cmd("DEL").arg(&key).take();
            if !matches!(timeout(self.timeout, self.link.send(&delete)).await, Ok(Ok(_))) {
                let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
                missed.extend(std::iter::once(key).chain(keys));
                return false;
            }
        }
        true
    }
}

/// Asks until Redis answers for the key that failed, or until nobody needs it any more.
async fn recover(inner: Weak<Inner>, key: String) {
    loop {
        tokio::time::sleep(PROBE_PAUSE).await;
        let Some(inner) = inner.upgrade() else { return };
        let answers = matches!(timeout(inner.timeout, inner.can_write_beside(&key)).await, Ok(true));
        if answers && inner.catch_up().await {
            inner.state.send_replace(State::Answers);
            // A call that failed just now may have noted another key. From now on calls delete by themselves.
            inner.catch_up().await;
            inner.up.set(1.0);
            tracing::info!(tier = inner.tier, "Redis is back");
            return;
        }
        inner.link.renew();
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript)
}
