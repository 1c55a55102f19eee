//! Wakes workers, so that a job does not wait for their next poll. A wake-up that is lost costs one
//! poll interval and no job.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use groundwork_database::Database;
use groundwork_state::redis::Redis;
use groundwork_state::redis::driver::cmd;
use tokio::sync::watch;
use tokio::time::sleep;

/// The channel's name. In Redis the prefix of keys precedes it.
const CHANNEL: &str = "jobs";

/// The pause before a lost subscription is made again.
const RESUBSCRIBE_PAUSE: Duration = Duration::from_secs(1);

/// Connects queues with workers. Clones are the same connection; the default stays in this process.
#[derive(Clone, Default)]
pub struct Wakeups {
    local: watch::Sender<()>,
    remote: Option<Arc<Remote>>,
}

/// How the workers of other instances are woken.
struct Remote {
    transport: Transport,
    /// [`IDLE`], [`SENDING`] or [`SENDING_AND_DUE`].
    state: AtomicU8,
}

enum Transport {
    Redis(Redis),
    Database(Database),
}

/// No message is being sent.
const IDLE: u8 = 0;
/// A message is being sent.
const SENDING: u8 = 1;
/// A message is being sent, and another one is to follow: it may be too early for the last jobs.
const SENDING_AND_DUE: u8 = 2;

impl fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakeups").field("tier", &self.tier()).finish_non_exhaustive()
    }
}

impl Wakeups {
    /// Wakes the workers of all instances through Redis, if there is one, else through PostgreSQL,
    /// if no pooler stands in between. Otherwise the workers of other instances poll.
    pub fn new(redis: Option<Redis>, database: &Database) -> Self {
        let transport = match redis {
            Some(redis) => Some(Transport::Redis(redis)),
            None => database.can_notify().then(|| Transport::Database(database.clone())),
        };
        let remote = |transport| Arc::new(Remote { transport, state: AtomicU8::new(IDLE) });
        Self { remote: transport.map(remote), ..Self::default() }
    }

    /// How the workers of other instances are woken: `redis`, `postgresql`, or `polling`.
    pub fn tier(&self) -> &'static str {
        match self.remote.as_ref().map(|remote| &remote.transport) {
            Some(Transport::Redis(_)) => "redis",
            Some(Transport::Database(_)) => "postgresql",
            None => "polling",
        }
    }

    /// Wakes the workers. Must be called within a Tokio runtime.
    pub(crate) fn send(&self) {
        self.send_local();
        let Some(remote) = &self.remote else { return };
        let due = |state| Some(if state == IDLE { SENDING } else { SENDING_AND_DUE });
        if remote.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, due) == Ok(IDLE) {
            let remote = Arc::clone(remote);
            tokio::spawn(async move { remote.send_all().await });
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

    /// Passes on wake-ups of other instances. Ends only where there are none.
    pub(crate) async fn forward(self) {
        let Some(remote) = &self.remote else { return };
        loop {
            match &remote.transport {
                Transport::Redis(redis) => {
                    if let Some(mut messages) = redis.subscribe(CHANNEL).await {
                        // Messages may have been lost before.
                        self.send_local();
                        while messages.next().await.is_some() {
                            self.send_local();
                        }
                    }
                }
                Transport::Database(database) => {
                    if let Some(mut notifications) = database.listen(CHANNEL).await {
                        self.send_local();
                        while notifications.next().await.is_some() {
                            self.send_local();
                        }
                    }
                }
            }
            sleep(RESUBSCRIBE_PAUSE).await;
        }
    }
}

impl Remote {
    /// Sends messages until none is due, one at a time, however many jobs are enqueued meanwhile.
    async fn send_all(&self) {
        loop {
            // Workers that this does not reach find the jobs when they poll.
            match &self.transport {
                Transport::Redis(redis) => {
                    let publish = |channel: &str| cmd("PUBLISH").arg(channel).arg("").take();
                    let _ = redis.call::<i64>(CHANNEL, publish).await;
                }
                Transport::Database(database) => {
                    let _ = database.notify(CHANNEL).await;
                }
            }
            let ended = |state| Some(if state == SENDING_AND_DUE { SENDING } else { IDLE });
            if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, ended) == Ok(SENDING) {
                return;
            }
        }
    }
}
