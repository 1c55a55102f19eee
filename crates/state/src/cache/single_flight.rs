//! One look-up per key at a time.
//!
//! Not moka's `try_get_with`: a load in progress there survives the invalidation of its key, so a
//! caller that comes after the change would get the value from before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::OnceCell;

type Value = Arc<OnceCell<Bytes>>;

/// The look-ups in progress, by key.
#[derive(Clone, Debug, Default)]
pub(super) struct SingleFlight(Arc<Mutex<HashMap<String, Value>>>);

/// A share in a look-up. The last one that is dropped removes it.
pub(super) struct Flight<'a> {
    flights: &'a SingleFlight,
    key: &'a str,
    value: Value,
}

impl SingleFlight {
    /// Joins the look-up of this key, or starts one.
    pub(super) fn join<'a>(&'a self, key: &'a str) -> Flight<'a> {
        let value = Arc::clone(self.lock().entry(key.to_owned()).or_default());
        Flight { flights: self, key, value }
    }

    /// Later callers start another look-up.
    pub(super) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    /// Runs `store` unless the key has been forgotten since this look-up began. A concurrent
    /// [`SingleFlight::forget`] comes before or after it.
    pub(super) fn if_current(&self, store: impl FnOnce()) {
        let flights = self.flights.lock();
        if self.is_current(&flights) {
            store();
        }
    }

    fn is_current(&self, flights: &HashMap<String, Value>) -> bool {
        flights.get(self.key).is_some_and(|value| Arc::ptr_eq(value, &self.value))
    }

    /// The result of the look-up. If the caller that runs it fails or is dropped, the next one runs
    /// its own `look_up`.
    pub(super) async fn value<E>(&self, look_up: impl Future<Output = Result<Bytes, E>>) -> Result<Bytes, E> {
        self.value.get_or_try_init(|| look_up).await.cloned()
    }
}

impl Drop for Flight<'_> {
    /// Removes a look-up that is complete, too: its value may have changed since.
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let is_last = Arc::strong_count(&self.value) == 2;
        if self.is_current(&flights) && (is_last || self.value.initialized()) {
            flights.remove(self.key);
        }
    }
}
