//! How many connections there may be, and which one ends when there is no room for another.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use metrics::{Counter, Gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::activity::Activity;
use crate::core::rate_limit::client_at;
use crate::core::telemetry::metrics::{
    CONNECTIONS_EVICTED, CONNECTIONS_OPEN, CONNECTIONS_REFUSED, Meter, counter, gauge,
};

/// When all places are taken, one idle connection in this many is closed at once: choosing them means looking at all, which a
/// flood must not cause for each of its connections.
const EVICTED_PART: usize = 128;

/// How long a new connection waits when all others are busy, before it is asked again whether one is idle.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// The places for connections.
pub(super) struct Limits {
    places: Arc<Semaphore>,
    open: Arc<Mutex<Open>>,
    max: usize,
    per_network: usize,
    exempt: Vec<IpNet>,
    meters: Option<Meters>,
}

/// The connections that are open.
#[derive(Default)]
struct Open {
    connections: HashMap<u64, (Option<IpAddr>, Arc<Activity>)>,
    /// How many each network has. Proxies and the unix socket bring everybody, so they are not counted.
    by_network: HashMap<IpAddr, usize>,
    next: u64,
}

/// How connections are counted.
#[derive(Clone)]
pub(super) struct Meters {
    open: Meter<Gauge>,
    refused: Meter<Counter>,
    evicted: Meter<Counter>,
}

impl Meters {
    pub(super) fn new() -> Self {
        let open = gauge(CONNECTIONS_OPEN, &[]);
        open.set(0.0);
        Self { open, refused: counter(CONNECTIONS_REFUSED, &[]), evicted: counter(CONNECTIONS_EVICTED, &[]) }
    }
}

/// A place, taken until it is dropped.
pub(super) struct Guest {
    place: Option<OwnedSemaphorePermit>,
    number: u64,
    open: Arc<Mutex<Open>>,
    meters: Option<Meters>,
    pub activity: Arc<Activity>,
}

impl Limits {
    /// So many connections in all, and so many of one network that is not `exempt`: an IPv4 address or an IPv6 /64.
    pub(super) fn new(
        connections: usize,
        per_network: usize,
        exempt: Vec<IpNet>,
        meters: Option<Meters>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(connections));
        Self { places, open: Arc::default(), max: connections, per_network, exempt, meters }
    }

    /// Lets a connection in, unless its network has as many as it may. When all places are taken, idle connections of the
    /// networks that have the most are closed; while none is idle, this waits for a connection to end.
    pub(super) async fn admit(&self, ip: Option<IpAddr>) -> Option<Guest> {
        let network = self.network(ip);
        if self.is_full(network) {
            return None;
        }
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => self.next_place().await?,
        };
        Some(self.let_in(place, network))
    }

    /// The same without waiting: only into a place that is free.
    pub(super) fn try_admit(&self, ip: Option<IpAddr>) -> Option<Guest> {
        let network = self.network(ip);
        if self.is_full(network) {
            return None;
        }
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(self.let_in(place, network))
    }

    /// What the connections from this address are counted by.
    fn network(&self, ip: Option<IpAddr>) -> Option<IpAddr> {
        let counted = ip.filter(|ip| !self.exempt.iter().any(|network| network.contains(ip)));
        counted.map(client_at)
    }

    fn is_full(&self, network: Option<IpAddr>) -> bool {
        let Some(network) = network else { return false };
        let is_full = self.open().by_network.get(&network).is_some_and(|open| *open >= self.per_network);
        if is_full {
            self.meters.iter().for_each(|meters| meters.refused.increment(1));
        }
        is_full
    }

    async fn next_place(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let evicted = self.open().evict(self.max.div_ceil(EVICTED_PART));
            self.meters.iter().for_each(|meters| meters.evicted.increment(evicted as u64));
            let place = Arc::clone(&self.places).acquire_owned();
            if evicted > 0 {
                return place.await.ok();
            }
            // All are busy: one of them ends, or becomes idle.
            if let Ok(place) = tokio::time::timeout(FULL_PAUSE, place).await {
                return place.ok();
            }
        }
    }

    fn let_in(&self, place: OwnedSemaphorePermit, network: Option<IpAddr>) -> Guest {
        let activity = Arc::new(Activity::new());
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.connections.insert(number, (network, Arc::clone(&activity)));
        if let Some(network) = network {
            *open.by_network.entry(network).or_default() += 1;
        }
        drop(open);
        self.meters.iter().for_each(|meters| meters.open.increment(1.0));
        let (open, meters) = (Arc::clone(&self.open), self.meters.clone());
        Guest { place: Some(place), number, open, meters, activity }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Open {
    /// Closes this many idle connections, or fewer if there are fewer: those of the networks with the most connections, and
    /// of one network those that have been idle for longest. Says how many.
    fn evict(&self, wanted: usize) -> usize {
        let share =
            |network: &Option<IpAddr>| network.and_then(|network| self.by_network.get(&network)).copied();
        let idle = self.connections.values().filter_map(|(network, activity)| {
            Some((share(network).unwrap_or_default(), activity.idle_since()?, activity))
        });
        let mut idle: Vec<_> = idle.collect();
        idle.sort_unstable_by_key(|(share, since, _)| (std::cmp::Reverse(*share), *since));
        idle.into_iter().filter(|(_, _, activity)| activity.evict()).take(wanted).count()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.meters.iter().for_each(|meters| meters.open.decrement(1.0));
        let mut open = lock(&self.open);
        if let Some((Some(network), _)) = open.connections.remove(&self.number)
            && let Some(count) = open.by_network.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                open.by_network.remove(&network);
            }
        }
        drop(open);
        // After its entry: who takes the place must not find the entry still there.
        drop(self.place.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admit(limits: &Limits, ip: &str) -> Option<Guest> {
        limits.admit(Some(ip.parse().unwrap())).await
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_a_proxy_has_no_limit() {
        let limits = Limits::new(10, 1, vec!["10.0.0.0/8".parse().unwrap()], None);
        let first = admit(&limits, "192.0.2.1").await;
        assert!(first.is_some() && admit(&limits, "192.0.2.1").await.is_none());
        assert!(admit(&limits, "192.0.2.2").await.is_some());
        let proxied = [admit(&limits, "10.0.0.1").await, admit(&limits, "10.0.0.1").await];
        assert!(proxied.iter().all(Option::is_some));
        drop((first, proxied));
        assert!(admit(&limits, "192.0.2.1").await.is_some());
        let open = limits.open();
        assert!(open.by_network.is_empty() && open.connections.is_empty(), "who has gone is not remembered");
    }

    #[tokio::test]
    async fn the_addresses_of_an_ipv6_network_share_its_limit() {
        let limits = Limits::new(10, 2, Vec::new(), None);
        let kept = [admit(&limits, "2001:db8::1").await, admit(&limits, "2001:db8::2").await];
        assert!(kept.iter().all(Option::is_some));
        assert!(admit(&limits, "2001:db8::3").await.is_none());
        assert!(admit(&limits, "2001:db8:0:1::1").await.is_some(), "another network");
    }

    #[tokio::test]
    async fn when_all_places_are_taken_an_idle_connection_of_the_largest_network_ends() {
        let limits = Limits::new(4, 4, vec!["10.0.0.0/8".parse().unwrap()], None);
        let proxied = admit(&limits, "10.0.0.1").await.unwrap();
        let small = admit(&limits, "192.0.2.1").await.unwrap();
        let large = [admit(&limits, "192.0.2.2").await.unwrap(), admit(&limits, "192.0.2.2").await.unwrap()];
        // The one that is idle for longest is busy.
        let _busy = large[0].activity.begin(false);
        let next = admit(&limits, "192.0.2.3");
        let ended = async {
            large[1].activity.evicted().await;
            drop(large);
        };
        let (next, ()) = tokio::join!(next, ended);
        assert!(next.is_some());
        assert!(proxied.activity.idle_since().is_some() && small.activity.idle_since().is_some());
    }
}
