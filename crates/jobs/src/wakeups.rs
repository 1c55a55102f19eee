//! Wakes workers, so that a job does not wait for their next poll. A wake-up that is lost costs one
//! poll interval and no job.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use groundwork_state::redis::Redis;
use groundwork_state::redis::driver::cmd;
use tokio::sync::watch;
use tokio::time::sleep;

/// The channel of Redis, behind the prefix of keys.
const CHANNEL: &str = "jobs";

/// The pause before a lost subscription is made again.
const RESUBSCRIBE_PAUSE: Duration = Duration::from_secs(1);

/// Connects queues with workers: those of this process and, with Redis, those of all instances.
/// Clones are the same connection. The default stays in this process.
#[derive(Clone)]
pub struct Wakeups {
    local: watch::Sender<()>,
    redis: Option<Arc<RedisChannel>>,
}

struct RedisChannel {
    redis: Redis,
    /// Whether a message is about to be sent, which will do for further jobs.
    is_publishing: AtomicBool,
}

impl Default for Wakeups {
    fn default() -> Self {
        Self::new(None)
    }
}

impl fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakeups").field("has_redis", &self.redis.is_some()).finish_non_exhaustive()
    }
}

impl Wakeups {
    /// Wakes the workers of all instances that use this Redis.
    pub fn new(redis: Option<Redis>) -> Self {
        let channel = |redis| Arc::new(RedisChannel { redis, is_publishing: AtomicBool::new(false) });
        Self { local: watch::Sender::new(()), redis: redis.map(channel) }
    }

    /// Wakes the workers. Must be called within a Tokio runtime.
    pub(crate) fn send(&self) {
        self.send_local();
        if let Some(channel) = &self.redis
            && !channel.is_publishing.swap(true, Ordering::AcqRel)
        {
            let channel = Arc::clone(channel);
            tokio::spawn(async move {
                // Jobs that are committed from now on need a message of their own.
                channel.is_publishing.store(false, Ordering::Release);
                // Workers that this does not reach find the job when they poll.
                let publish = |channel: &str| cmd("PUBLISH").arg(channel).arg("").take();
                let _ = channel.redis.call::<i64>(CHANNEL, publish).await;
            });
        }
    }

    /// Wakes only the workers of this process.
    fn send_local(&self) {
        self.local.send_replace(());
    }

    /// Receives every wake-up from now on. Those that come while nobody waits become one.
    pub(crate) fn receive(&self) -> watch::Receiver<()> {
        self.local.subscribe()
    }

    /// Passes on wake-ups of other instances. Never ends, unless there is no Redis.
    pub(crate) async fn forward(self) {
        let Some(channel) = &self.redis else { return };
        loop {
            if let Some(mut subscription) = channel.redis.subscribe(CHANNEL).await {
                // Messages may have been lost before.
                self.send_local();
                while subscription.next().await.is_some() {
                    self.send_local();
                }
            }
            sleep(RESUBSCRIBE_PAUSE).await;
        }
    }
}
