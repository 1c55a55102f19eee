//! What happens while Redis is unavailable or refuses a key: probes, deletions to make up for, and
//! logging.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use redis::cmd;
use tokio::time::timeout;

use super::RedisInner;

/// The pause between two probes of an unavailable Redis.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// The most keys whose deletion is remembered; further ones live until they expire.
const MAX_PENDING_DELETIONS: usize = 10_000;

/// Refused keys are logged at most this often, however many they are.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// When a refused key was last logged, and how many have not been since.
#[derive(Default)]
pub(super) struct RefusalLog {
    logged_at: Option<Instant>,
    not_logged: u64,
}

impl RedisInner {
    pub(super) fn log_refusal(&self, key: &str, reason: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.logged_at.is_some_and(|at| at.elapsed() < REFUSAL_LOG_INTERVAL) {
            refusals.not_logged += 1;
            return;
        }
        refusals.logged_at = Some(Instant::now());
        let not_logged = std::mem::take(&mut refusals.not_logged);
        drop(refusals);
        tracing::warn!(
            tier = self.config.url.tier(),
            key,
            reason,
            not_logged,
            "Redis refuses a key: this process counts and loads for it alone"
        );
    }

    /// Remembers a key to be deleted before Redis is used again.
    pub(super) fn add_pending_deletion(&self, key: String) {
        let mut pending = self.pending_deletions();
        if pending.len() < MAX_PENDING_DELETIONS {
            pending.insert(key);
        }
    }

    /// Returns false if a key still cannot be deleted. Keys that calls add meanwhile are not waited
    /// for.
    async fn delete_pending(&self) -> bool {
        let count = self.pending_deletions().len();
        for _ in 0..count {
            let Some(key) = self.pending_deletions().pop_first() else { break };
            let deleted = timeout(self.config.timeout, self.client.send(cmd("DEL").arg(&key))).await;
            if !matches!(deleted, Ok(Ok(_))) {
                self.add_pending_deletion(key);
                return false;
            }
        }
        true
    }

    fn pending_deletions(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.pending_deletions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Probes Redis until it is available for the key that failed, or until no handle to it is left.
pub(super) async fn recover(inner: Weak<RedisInner>, key: String) {
    loop {
        tokio::time::sleep(PROBE_INTERVAL).await;
        let Some(inner) = inner.upgrade() else { return };
        let is_available =
            matches!(timeout(inner.config.timeout, inner.accepts_writes_near(&key)).await, Ok(true));
        if is_available && inner.delete_pending().await {
            inner.is_available.send_replace(true);
            // A call that had just failed may have added another key. From now on, calls delete by
            // themselves.
            inner.delete_pending().await;
            inner.up.set(1.0);
            tracing::info!(tier = inner.config.url.tier(), "Redis is available again");
            return;
        }
        inner.client.reconnect();
    }
}
