//! How many connections may be open, and which of them are closed when there is no room for
//! another.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use metrics::{Counter, Gauge, counter, gauge};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::activity::Activity;
use crate::client::ClientNetwork;
use crate::server::Config;

const CONNECTIONS_OPEN: &str = "connections_open";
const CONNECTIONS_REFUSED: &str = "connections_refused_total";
const CONNECTIONS_EVICTED: &str = "connections_evicted_total";

/// The metrics that a server with [`Config::has_metrics`] records: name, help text, and the bucket
/// bounds, of which there are none. Names have no prefix.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    (CONNECTIONS_OPEN, "Connections of clients that are open.", &[]),
    (
        CONNECTIONS_REFUSED,
        "Connections closed at once because their address, or their IPv6 /64, had `MAX_CONNECTIONS_PER_IP`.",
        &[],
    ),
    (
        CONNECTIONS_EVICTED,
        "Idle connections closed to make room for others because `MAX_CONNECTIONS` were open.",
        &[],
    ),
];

/// At the limit, one in this many connections is closed at once: choosing them means sorting all,
/// which a flood must not cause for each of its connections.
const EVICTED_FRACTION: usize = 128;

/// A network with at most this many connections is never above its fair share, unless they are more
/// than a batch of evictions. A browser opens six for one page (HTTP/1.1).
const MIN_FAIR_SHARE: usize = 8;

/// How long a new connection waits, while all others are in use, until the next attempt to evict.
const FULL_PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct ConnectionLimiter {
    permits: Arc<Semaphore>,
    open: Arc<Mutex<OpenConnections>>,
    max: usize,
    max_per_network: usize,
    trusted_proxies: Vec<IpNet>,
    open_gauge: Gauge,
    refused: Counter,
    evicted: Counter,
}

#[derive(Default)]
struct OpenConnections {
    connections: HashMap<u64, (Option<ClientNetwork>, Arc<Activity>)>,
    /// Connections per network. Those of proxies and of the unix socket belong to many clients and
    /// are not counted.
    by_network: HashMap<ClientNetwork, usize>,
    next_id: u64,
}

/// Permission for one connection to be open, until dropped.
pub(crate) struct ConnectionPermit {
    pub activity: Arc<Activity>,
    id: u64,
    open: Arc<Mutex<OpenConnections>>,
    open_gauge: Gauge,
    /// Dropped after the entry in `open` is removed: the next holder must not find it there.
    _permit: OwnedSemaphorePermit,
}

impl ConnectionLimiter {
    pub(crate) fn new(config: &Config) -> Self {
        let (open_gauge, refused, evicted) = if config.has_metrics {
            (gauge!(CONNECTIONS_OPEN), counter!(CONNECTIONS_REFUSED), counter!(CONNECTIONS_EVICTED))
        } else {
            (Gauge::noop(), Counter::noop(), Counter::noop())
        };
        open_gauge.set(0.0);
        Self {
            permits: Arc::new(Semaphore::new(config.max_connections)),
            open: Arc::default(),
            max: config.max_connections,
            max_per_network: config.max_connections_per_network,
            trusted_proxies: config.trusted_proxies.clone(),
            open_gauge,
            refused,
            evicted,
        }
    }

    /// A permit, or `None` if the network of `peer` has as many as it may have. At the limit, idle
    /// connections are evicted; while there are none, this waits for a connection to end.
    pub(crate) async fn acquire(&self, peer: Option<IpAddr>) -> Option<ConnectionPermit> {
        let network = self.check_network(peer)?;
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.evict_and_wait().await?,
        };
        Some(self.register(permit, network))
    }

    /// As [`Self::acquire`], but `None` at the limit.
    pub(crate) fn try_acquire(&self, peer: Option<IpAddr>) -> Option<ConnectionPermit> {
        let network = self.check_network(peer)?;
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(self.register(permit, network))
    }

    /// The network that a connection is counted for, if any. The outer `None` refuses it.
    fn check_network(&self, peer: Option<IpAddr>) -> Option<Option<ClientNetwork>> {
        let peer = peer.map(|ip| ip.to_canonical());
        let counted = peer.filter(|ip| !self.trusted_proxies.iter().any(|proxies| proxies.contains(ip)));
        let Some(network) = counted.map(ClientNetwork::from) else { return Some(None) };
        let open = self.open.lock().by_network.get(&network).copied().unwrap_or_default();
        if open >= self.max_per_network {
            self.refused.increment(1);
            return None;
        }
        Some(Some(network))
    }

    async fn evict_and_wait(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let evicted = self.open.lock().evict(self.max.div_ceil(EVICTED_FRACTION));
            self.evicted.increment(evicted as u64);
            let permit = Arc::clone(&self.permits).acquire_owned();
            if evicted > 0 {
                return permit.await.ok();
            }
            if let Ok(permit) = timeout(FULL_PAUSE, permit).await {
                return permit.ok();
            }
        }
    }

    fn register(&self, permit: OwnedSemaphorePermit, network: Option<ClientNetwork>) -> ConnectionPermit {
        let activity = Arc::new(Activity::new());
        let mut open = self.open.lock();
        let id = open.next_id;
        open.next_id += 1;
        open.connections.insert(id, (network, Arc::clone(&activity)));
        if let Some(network) = network {
            *open.by_network.entry(network).or_default() += 1;
        }
        drop(open);
        self.open_gauge.increment(1.0);
        let (open, open_gauge) = (Arc::clone(&self.open), self.open_gauge.clone());
        ConnectionPermit { activity, id, open, open_gauge, _permit: permit }
    }
}

impl OpenConnections {
    /// Closes `wanted` idle connections, or all if there are fewer. Returns how many.
    ///
    /// One after the other, each from the network that has the most left, as long as one has more
    /// than its fair share. Further ones are those that have been idle for longest: a network
    /// within its share is not treated worse for being shared by several clients. Connections of
    /// proxies and of the unix socket come last. Idle time alone would not be fair, because an
    /// attacker can keep its connections fresh.
    fn evict(&self, wanted: usize) -> usize {
        let counted: usize = self.by_network.values().sum();
        let average = counted / self.by_network.len().max(1);
        let fair_share = average.max(MIN_FAIR_SHARE.min(wanted));

        let mut idle: Vec<_> = self
            .connections
            .values()
            .filter_map(|(network, activity)| Some((activity.idle_since()?, *network, activity)))
            .collect();
        idle.sort_unstable_by_key(|(since, ..)| *since);
        // From here on the oldest connection of a network stands for all that it has, the next one
        // for one less, and so on.
        let mut left = self.by_network.clone();
        let mut ranked: Vec<_> = idle
            .into_iter()
            .map(|(_, network, activity)| {
                let left = network.and_then(|network| left.get_mut(&network));
                let rank = left.map_or(0, |left| {
                    *left -= 1;
                    fair_share.max(*left + 1)
                });
                (Reverse(rank), activity)
            })
            .collect();
        // A stable sort: the oldest first among equals.
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().filter(|(_, activity)| activity.evict()).take(wanted).count()
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.open_gauge.decrement(1.0);
        let mut open = self.open.lock();
        if let Some((Some(network), _)) = open.connections.remove(&self.id)
            && let Some(count) = open.by_network.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                open.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::Ipv4Addr;

    use tokio::time::sleep;

    use super::*;

    fn limiter(max_connections: usize, max_connections_per_network: usize) -> ConnectionLimiter {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let config =
            Config { max_connections, max_connections_per_network, trusted_proxies, ..Config::default() };
        ConnectionLimiter::new(&config)
    }

    async fn acquire(limiter: &ConnectionLimiter, ip: &str) -> Option<ConnectionPermit> {
        limiter.acquire(Some(ip.parse().unwrap())).await
    }

    /// A connection from an address of its own.
    async fn acquire_alone(limiter: &ConnectionLimiter, number: u32) -> ConnectionPermit {
        let ip = IpAddr::V4(Ipv4Addr::from_bits(0xC612_0000 + number));
        limiter.acquire(Some(ip)).await.unwrap()
    }

    /// Evicts as a connection at the limit would, and tells which of these it has evicted.
    fn evict(limiter: &ConnectionLimiter, wanted: usize, permits: &[ConnectionPermit]) -> Vec<usize> {
        assert_eq!(limiter.open.lock().evict(wanted), wanted);
        let is_evicted = |(_, permit): &(usize, &ConnectionPermit)| permit.activity.idle_since().is_none();
        permits.iter().enumerate().filter(is_evicted).map(|(index, _)| index).collect()
    }

    #[tokio::test]
    async fn a_network_has_a_limit_and_a_proxy_has_none() {
        let limiter = limiter(10, 1);
        let first = acquire(&limiter, "192.0.2.1").await;
        assert!(first.is_some() && acquire(&limiter, "192.0.2.1").await.is_none());
        assert!(acquire(&limiter, "192.0.2.2").await.is_some());
        let proxied = [acquire(&limiter, "10.0.0.1").await, acquire(&limiter, "10.0.0.1").await];
        assert!(proxied.iter().all(Option::is_some));
        drop((first, proxied));
        assert!(acquire(&limiter, "192.0.2.1").await.is_some());
        let open = limiter.open.lock();
        assert!(
            open.by_network.is_empty() && open.connections.is_empty(),
            "closed connections are forgotten"
        );
    }

    #[tokio::test]
    async fn the_addresses_of_an_ipv6_network_share_its_limit() {
        let limiter = limiter(10, 2);
        let kept = [acquire(&limiter, "2001:db8::1").await, acquire(&limiter, "2001:db8::2").await];
        assert!(kept.iter().all(Option::is_some));
        assert!(acquire(&limiter, "2001:db8::3").await.is_none());
        assert!(acquire(&limiter, "2001:db8:0:1::1").await.is_some(), "another network");
    }

    #[tokio::test]
    async fn at_the_limit_an_idle_connection_of_the_largest_network_is_evicted() {
        let limiter = limiter(4, 4);
        let proxied = acquire(&limiter, "10.0.0.1").await.unwrap();
        let small = acquire(&limiter, "192.0.2.1").await.unwrap();
        let oldest = acquire(&limiter, "192.0.2.2").await.unwrap();
        // The connection that has been open for longest is in use.
        let _in_flight = oldest.activity.begin_request(false);
        let second = acquire(&limiter, "192.0.2.2").await.unwrap();
        let activity = Arc::clone(&second.activity);
        let serving = tokio::spawn(async move {
            let _permit = second;
            pending::<()>().await;
        });
        activity.set_task(serving.abort_handle());
        let next = acquire(&limiter, "192.0.2.3");
        assert!(next.await.is_some());
        assert!(proxied.activity.idle_since().is_some() && small.activity.idle_since().is_some());
    }

    #[tokio::test]
    async fn among_many_small_networks_a_shared_address_keeps_its_fair_share() {
        let limiter = limiter(1024, 1024);
        let mut permits = vec![acquire_alone(&limiter, 0).await];
        sleep(Duration::from_millis(1)).await;
        for _ in 0..10 {
            permits.push(acquire(&limiter, "192.0.2.1").await.unwrap());
            sleep(Duration::from_millis(1)).await;
        }
        for number in 1..100 {
            permits.push(acquire_alone(&limiter, number).await);
        }
        // Two more than the fair share of eight go first; then idle time decides.
        assert_eq!(evict(&limiter, 8, &permits), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[tokio::test]
    async fn a_network_that_keeps_its_many_connections_fresh_does_not_displace_others() {
        let limiter = limiter(1024, 1024);
        let mut permits = Vec::new();
        for number in 0..20 {
            permits.push(acquire_alone(&limiter, number).await);
        }
        sleep(Duration::from_millis(1)).await;
        for ip in ["192.0.2.1"; 20].into_iter().chain(["192.0.2.2"; 22]) {
            permits.push(acquire(&limiter, ip).await.unwrap());
            sleep(Duration::from_millis(1)).await;
        }
        // The larger of two networks first, then both in turn.
        assert_eq!(evict(&limiter, 4, &permits), [20, 40, 41, 42]);
    }

    #[tokio::test]
    async fn connections_of_proxies_are_evicted_last() {
        let limiter = limiter(4, 4);
        let mut permits = vec![acquire(&limiter, "10.0.0.1").await.unwrap()];
        sleep(Duration::from_millis(1)).await;
        permits.push(limiter.acquire(None).await.unwrap());
        sleep(Duration::from_millis(1)).await;
        permits.push(acquire_alone(&limiter, 0).await);
        assert_eq!(evict(&limiter, 1, &permits), [2]);
        assert_eq!(evict(&limiter, 1, &permits), [0, 2]);
    }

    #[test]
    fn connections_are_measured_where_the_configuration_says_so() {
        let recorder = metrics_util::debugging::DebuggingRecorder::new();
        let measured = |has_metrics| {
            metrics::with_local_recorder(&recorder, || {
                let config = Config { max_connections_per_network: 1, has_metrics, ..Config::default() };
                let limiter = ConnectionLimiter::new(&config);
                let ip = Some(IpAddr::from([192, 0, 2, 1]));
                let _permit = limiter.try_acquire(ip).unwrap();
                assert!(limiter.try_acquire(ip).is_none());
                let measured = recorder.snapshotter().snapshot().into_vec().into_iter();
                measured
                    .map(|(key, _, _, value)| format!("{} {value:?}", key.key().name()))
                    .collect::<Vec<_>>()
            })
        };
        assert!(measured(false).is_empty());
        let mut measured = measured(true);
        measured.sort_unstable();
        let expected = [
            "connections_evicted_total Counter(0)",
            "connections_open Gauge(1.0)",
            "connections_refused_total Counter(1)",
        ];
        assert_eq!(measured, expected);
    }
}
