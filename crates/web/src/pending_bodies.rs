//! Bodies that are still arriving: their number and memory are bounded, and the limit evicts the
//! oldest body of the client with the most.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groundwork_state::rate_limit::client_network;
use tokio::sync::Notify;

/// Memory per pending body that the total is computed from, in bytes. Most bodies have less than 1
/// KiB.
const BYTES_PER_BODY: usize = 64 * 1024;

/// The minimum of the total, in bytes: room for a few bodies of the maximum size.
const MIN_BYTES: usize = 4 * 1024 * 1024;

/// All pending bodies.
#[derive(Clone, Debug)]
pub(super) struct PendingBodies {
    max: usize,
    max_bytes: usize,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    by_number: HashMap<u64, Entry>,
    bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    network: IpAddr,
    bytes: usize,
    evicted: Arc<Notify>,
}

/// A body that is pending until this is dropped.
pub(super) struct PendingBody<'a> {
    bodies: &'a PendingBodies,
    number: u64,
    evicted: Arc<Notify>,
}

impl PendingBodies {
    /// At most `max` at once.
    pub(super) fn new(max: usize) -> Self {
        let max_bytes = max.saturating_mul(BYTES_PER_BODY).max(MIN_BYTES);
        Self { max, max_bytes, table: Arc::default() }
    }

    /// Registers a body of this client. If there are too many, this evicts the oldest body of the
    /// client with the most pending bodies: a client that sends its bodies is rarely that one.
    pub(super) fn begin(&self, client: IpAddr) -> PendingBody<'_> {
        let (network, evicted) = (client_network(client), Arc::new(Notify::new()));
        let mut table = lock(&self.table);
        if table.by_number.len() >= self.max {
            let mut shares = HashMap::<_, usize>::new();
            for entry in table.by_number.values() {
                *shares.entry(entry.network).or_default() += 1;
            }
            let share = |entry: &Entry| shares.get(&entry.network);
            let oldest =
                table.by_number.iter().max_by_key(|(number, entry)| (share(entry), Reverse(**number)));
            let oldest = oldest.map(|(number, _)| *number);
            table.evict(oldest);
        }
        let number = table.next;
        table.next += 1;
        table.by_number.insert(number, Entry { network, bytes: 0, evicted: Arc::clone(&evicted) });
        drop(table);
        PendingBody { bodies: self, number, evicted }
    }
}

/// Locks what stays consistent when a thread panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PendingBody<'_> {
    /// Records the size of what has arrived. If the total is too large, this evicts the largest
    /// body.
    pub(super) fn has_grown_to(&self, bytes: usize) {
        let mut table = lock(&self.bodies.table);
        let Some(entry) = table.by_number.get_mut(&self.number) else { return };
        let before = std::mem::replace(&mut entry.bytes, bytes);
        table.bytes = table.bytes + bytes - before;
        if table.bytes > self.bodies.max_bytes {
            let largest = table.by_number.iter().max_by_key(|(_, entry)| entry.bytes);
            let largest = largest.map(|(number, _)| *number);
            table.evict(largest);
        }
    }

    /// Returns when the body is evicted.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Table {
    fn evict(&mut self, number: Option<u64>) {
        if let Some(entry) = number.and_then(|number| self.remove(number)) {
            entry.evicted.notify_one();
        }
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.by_number.remove(&number)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }
}

impl Drop for PendingBody<'_> {
    fn drop(&mut self) {
        lock(&self.bodies.table).remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_evicted(body: &PendingBody<'_>) -> bool {
        body.evicted().now_or_never().is_some()
    }

    fn client(number: u8) -> IpAddr {
        format!("2001:db8:0:{number}::1").parse().unwrap()
    }

    #[test]
    fn the_client_with_the_most_loses_the_one_that_has_been_waited_for_longest() {
        let bodies = PendingBodies::new(3);
        let honest = bodies.begin(client(1));
        let greedy = [bodies.begin(client(2)), bodies.begin("2001:db8:0:2::2".parse().unwrap())];
        let next = bodies.begin(client(3));
        assert!(is_evicted(&greedy[0]) && !is_evicted(&greedy[1]));
        assert!(!is_evicted(&honest) && !is_evicted(&next));
        // Where all have one, the oldest goes.
        let another = bodies.begin(client(4));
        assert!(is_evicted(&honest) && !is_evicted(&another));
    }

    #[test]
    fn what_has_come_is_bounded_and_the_largest_goes_first() {
        let bodies = PendingBodies::new(10);
        let (small, large) = (bodies.begin(client(1)), bodies.begin(client(2)));
        large.has_grown_to(MIN_BYTES - 10);
        small.has_grown_to(10);
        assert!(!is_evicted(&small) && !is_evicted(&large));
        small.has_grown_to(11);
        assert!(!is_evicted(&small) && is_evicted(&large));
        drop((small, large));
        let table = lock(&bodies.table);
        assert!(table.bytes == 0 && table.by_number.is_empty());
    }
}
