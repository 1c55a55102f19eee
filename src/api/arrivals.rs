//! Bodies that are still arriving: how many there may be, how much of them is kept, and which one is given up for another.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::core::rate_limit::client_at;

/// The most that all of them may have in memory for each that there may be, in bytes. A usual one has less than a kilobyte.
const BYTES_EACH: usize = 64 * 1024;

/// The least that they may have together, in bytes: a few of the largest.
const MIN_BYTES: usize = 4 * 1024 * 1024;

/// The bodies that are waited for.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    max: usize,
    max_bytes: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    by_number: HashMap<u64, Entry>,
    by_network: HashMap<IpAddr, usize>,
    bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    network: IpAddr,
    bytes: usize,
    given_up: Arc<Notify>,
}

/// A body that is waited for until this is dropped.
pub(super) struct Arrival<'a> {
    arrivals: &'a Arrivals,
    number: u64,
    given_up: Arc<Notify>,
}

impl Arrivals {
    /// At most so many at once.
    pub(super) fn new(max: usize) -> Self {
        let max_bytes = max.saturating_mul(BYTES_EACH).max(MIN_BYTES);
        Self { max, max_bytes, inner: Arc::default() }
    }

    /// Waits for a body of this client. When there are too many, one is given up for it: of the client that has the most the
    /// one that has been waited for longest. A client that sends its body is rarely the one, however many do not.
    pub(super) fn begin(&self, client: IpAddr) -> Arrival<'_> {
        let (network, given_up) = (client_at(client), Arc::new(Notify::new()));
        let mut inner = self.lock();
        if inner.by_number.len() >= self.max {
            let share = |entry: &Entry| inner.by_network.get(&entry.network).copied();
            let last = inner.by_number.iter().max_by_key(|(number, entry)| (share(entry), Reverse(**number)));
            let last = last.map(|(number, _)| *number);
            inner.give_up(last);
        }
        let number = inner.next;
        inner.next += 1;
        inner.by_number.insert(number, Entry { network, bytes: 0, given_up: Arc::clone(&given_up) });
        *inner.by_network.entry(network).or_default() += 1;
        drop(inner);
        Arrival { arrivals: self, number, given_up }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival<'_> {
    /// So much of it has come. When all have too much together, the largest is given up.
    pub(super) fn has_grown_to(&self, bytes: usize) {
        let mut inner = self.arrivals.lock();
        let Some(entry) = inner.by_number.get_mut(&self.number) else { return };
        let before = std::mem::replace(&mut entry.bytes, bytes);
        inner.bytes = inner.bytes + bytes - before;
        if inner.bytes > self.arrivals.max_bytes {
            let largest = inner.by_number.iter().max_by_key(|(_, entry)| entry.bytes);
            let largest = largest.map(|(number, _)| *number);
            inner.give_up(largest);
        }
    }

    /// Returns when it is given up for another one.
    pub(super) async fn given_up(&self) {
        self.given_up.notified().await;
    }
}

impl Inner {
    fn give_up(&mut self, number: Option<u64>) {
        if let Some(entry) = number.and_then(|number| self.remove(number)) {
            entry.given_up.notify_one();
        }
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.by_number.remove(&number)?;
        self.bytes -= entry.bytes;
        if let Some(count) = self.by_network.get_mut(&entry.network) {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&entry.network);
            }
        }
        Some(entry)
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.arrivals.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_given_up(arrival: &Arrival<'_>) -> bool {
        arrival.given_up().now_or_never().is_some()
    }

    fn client(number: u8) -> IpAddr {
        format!("2001:db8:0:{number}::1").parse().unwrap()
    }

    #[test]
    fn the_client_with_the_most_loses_the_one_that_has_been_waited_for_longest() {
        let arrivals = Arrivals::new(3);
        let honest = arrivals.begin(client(1));
        let greedy = [arrivals.begin(client(2)), arrivals.begin("2001:db8:0:2::2".parse().unwrap())];
        let next = arrivals.begin(client(3));
        assert!(is_given_up(&greedy[0]) && !is_given_up(&greedy[1]));
        assert!(!is_given_up(&honest) && !is_given_up(&next));
        // Where all have one, the oldest goes.
        let another = arrivals.begin(client(4));
        assert!(is_given_up(&honest) && !is_given_up(&another));
    }

    #[test]
    fn what_has_come_is_bounded_and_the_largest_goes_first() {
        let arrivals = Arrivals::new(10);
        let (small, large) = (arrivals.begin(client(1)), arrivals.begin(client(2)));
        large.has_grown_to(MIN_BYTES - 10);
        small.has_grown_to(10);
        assert!(!is_given_up(&small) && !is_given_up(&large));
        small.has_grown_to(11);
        assert!(!is_given_up(&small) && is_given_up(&large));
        drop((small, large));
        let inner = arrivals.lock();
        assert!(inner.bytes == 0 && inner.by_number.is_empty() && inner.by_network.is_empty());
    }
}
