//! Whether the service goes on or is about to stop.

use std::sync::Arc;

use tokio::sync::watch;

/// Told once that the service stops; all clones know then.
#[derive(Clone, Debug)]
pub struct Lifecycle(Arc<watch::Sender<bool>>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Lifecycle {
    /// The service was told to stop: it should get no new work.
    pub fn begin_to_stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }
}
