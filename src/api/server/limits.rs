//! How many connections there may be.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use metrics::{Counter, Gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::core::telemetry::metrics::{CONNECTIONS_OPEN, CONNECTIONS_REFUSED, Meter, counter, gauge};

/// How many connections of an address are open.
type ByIp = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// The places for connections.
pub(super) struct Limits {
    places: Arc<Semaphore>,
    by_ip: ByIp,
    per_ip: usize,
    exempt: Vec<IpNet>,
    meters: Option<Meters>,
}

/// How connections are counted.
#[derive(Clone)]
pub(super) struct Meters {
    open: Meter<Gauge>,
    refused: Meter<Counter>,
}

impl Meters {
    pub(super) fn new() -> Self {
        let open = gauge(CONNECTIONS_OPEN, &[]);
        open.set(0.0);
        Self { open, refused: counter(CONNECTIONS_REFUSED, &[]) }
    }
}

/// A place, taken until it is dropped.
pub(super) struct Guest {
    _place: OwnedSemaphorePermit,
    counted: Option<(IpAddr, ByIp)>,
    meters: Option<Meters>,
}

impl Limits {
    pub(super) fn new(connections: usize, per_ip: usize, exempt: Vec<IpNet>, meters: Option<Meters>) -> Self {
        Self { places: Arc::new(Semaphore::new(connections)), by_ip: Arc::default(), per_ip, exempt, meters }
    }

    /// A place for the next connection, when there is one.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Lets a connection in, unless its address has as many as it may.
    pub(super) fn admit(&self, place: Option<OwnedSemaphorePermit>, ip: Option<IpAddr>) -> Option<Guest> {
        let counted = ip.filter(|ip| !self.exempt.iter().any(|network| network.contains(ip)));
        if let Some(ip) = counted {
            let mut by_ip = self.by_ip.lock().unwrap_or_else(PoisonError::into_inner);
            let open = by_ip.entry(ip).or_default();
            if *open >= self.per_ip {
                self.meters.iter().for_each(|meters| meters.refused.increment(1));
                return None;
            }
            *open += 1;
        }
        let guest = Guest {
            _place: place?,
            counted: counted.map(|ip| (ip, Arc::clone(&self.by_ip))),
            meters: self.meters.clone(),
        };
        self.meters.iter().for_each(|meters| meters.open.increment(1.0));
        Some(guest)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.meters.iter().for_each(|meters| meters.open.decrement(1.0));
        if let Some((ip, by_ip)) = self.counted.take() {
            let mut by_ip = by_ip.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(open) = by_ip.get_mut(&ip) {
                *open -= 1;
                if *open == 0 {
                    by_ip.remove(&ip);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_its_share_and_a_proxy_has_no_limit() {
        let limits = Limits::new(10, 1, vec!["10.0.0.0/8".parse().unwrap()], None);
        let admit = async |ip: &str| limits.admit(limits.place().await, Some(ip.parse().unwrap()));
        let first = admit("192.0.2.1").await;
        assert!(first.is_some() && admit("192.0.2.1").await.is_none());
        assert!(admit("192.0.2.2").await.is_some());
        let proxied = [admit("10.0.0.1").await, admit("10.0.0.1").await];
        assert!(proxied.iter().all(Option::is_some));
        drop(first);
        assert!(admit("192.0.2.1").await.is_some());
        assert!(limits.by_ip.lock().unwrap().is_empty(), "who has gone is not remembered");
    }
}
