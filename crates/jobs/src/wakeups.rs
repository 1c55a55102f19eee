//! Wakes workers, so that a job does not wait for their next poll. A wake-up that is lost costs one
//! poll interval and no job.

use tokio::sync::watch;

/// Connects the queue of a process with its workers. Clones are the same connection.
#[derive(Clone, Debug)]
pub struct Wakeups {
    local: watch::Sender<()>,
}

impl Default for Wakeups {
    fn default() -> Self {
        Self { local: watch::Sender::new(()) }
    }
}

impl Wakeups {
    /// Wakes the workers.
    pub(crate) fn send(&self) {
        self.local.send_replace(());
    }

    /// Receives every wake-up from now on. Those that come while nobody waits become one.
    pub(crate) fn receive(&self) -> watch::Receiver<()> {
        self.local.subscribe()
    }
}
