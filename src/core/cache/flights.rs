//! One look-up a key at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::OnceCell;

type Value = Arc<OnceCell<Bytes>>;
type ByKey = HashMap<String, Value>;

/// The look-ups under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights(Arc<Mutex<ByKey>>);

/// A part in a look-up. The last to leave it ends it.
pub(super) struct Flight<'a> {
    flights: &'a Flights,
    key: &'a str,
    value: Value,
}

impl Flights {
    /// The look-up of this key that is under way, or a new one.
    pub(super) fn join<'a>(&'a self, key: &'a str) -> Flight<'a> {
        let mut flights = self.lock();
        let value = match flights.get(key) {
            Some(value) => Arc::clone(value),
            None => Arc::clone(flights.entry(key.to_owned()).or_default()),
        };
        drop(flights);
        Flight { flights: self, key, value }
    }

    /// Whoever asks from now on gets another look-up.
    pub(super) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, ByKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    /// What the look-up gave; `look_up` is made if nobody is at it. If it fails or is given up, the next one in line
    /// makes its own.
    pub(super) async fn value<E>(&self, look_up: impl Future<Output = Result<Bytes, E>>) -> Result<Bytes, E> {
        self.value.get_or_try_init(|| look_up).await.cloned()
    }
}

impl Drop for Flight<'_> {
    /// A look-up that is done serves nobody who comes later: what it found may have changed.
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let is_last = Arc::strong_count(&self.value) == 2;
        let is_current = flights.get(self.key).is_some_and(|value| Arc::ptr_eq(value, &self.value));
        if is_current && (is_last || self.value.initialized()) {
            flights.remove(self.key);
        }
    }
}
