//! A circuit per host: it opens after repeated failures, so that calls fail at once, and lets one
//! call through after a while to find out whether the host is back.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use metrics::Gauge;
use parking_lot::Mutex;

/// The most hosts whose failures are counted. The one that was called longest ago is forgotten
/// first.
const MAX_HOSTS: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// When a circuit opens.
#[derive(Clone, Copy, Debug)]
pub struct CircuitConfig {
    /// The number of consecutive failures that opens it.
    pub failures: u32,
    /// How long it stays open before a call may try again.
    pub open_for: Duration,
    /// What counts as a failure.
    pub counts: CountedFailures,
}

/// Which failures open a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedFailures {
    /// No connection, no response in time, a broken response, and status 5xx.
    All,
    /// Only that there is no connection: for hosts that many parties share, where the failures of
    /// one party say nothing about the others.
    Connect,
}

#[derive(Debug, Default)]
struct Circuit {
    /// Consecutive failures while it is closed.
    failures: u32,
    /// Set while it is open.
    open_until: Option<Instant>,
    /// Whether a call is trying the host.
    has_probe: bool,
}

#[derive(Debug)]
pub(crate) struct Circuits {
    config: CircuitConfig,
    hosts: Mutex<LruCache<String, Circuit>>,
    open: Gauge,
}

impl Circuits {
    pub(crate) fn new(config: CircuitConfig, open: Gauge) -> Self {
        open.set(0.0);
        Self { config, hosts: Mutex::new(LruCache::new(MAX_HOSTS)), open }
    }

    /// A permit to call the host (with its port); `None` if its circuit is open.
    pub(crate) fn acquire(&self, host: &str) -> Option<Permit<'_>> {
        self.acquire_at(Instant::now(), host)
    }

    fn acquire_at(&self, now: Instant, host: &str) -> Option<Permit<'_>> {
        let mut hosts = self.hosts.lock();
        let mut is_probe = false;
        if let Some(circuit) = hosts.get_mut(host)
            && let Some(until) = circuit.open_until
        {
            if circuit.has_probe || now < until {
                return None;
            }
            circuit.has_probe = true;
            is_probe = true;
        }
        Some(Permit { circuits: self, host: host.to_owned(), is_probe })
    }

    fn show(&self, hosts: &LruCache<String, Circuit>) {
        let open = hosts.iter().filter(|(_, circuit)| circuit.open_until.is_some()).count();
        self.open.set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
    }
}

/// Permission for one attempt. Dropped without a result, as when the caller leaves, it changes
/// nothing.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    circuits: &'a Circuits,
    host: String,
    is_probe: bool,
}

impl Permit<'_> {
    pub(crate) fn succeeded(self) {
        let mut hosts = self.circuits.hosts.lock();
        let Some(circuit) = hosts.get_mut(&self.host) else { return };
        let was_open = circuit.open_until.is_some();
        // A response to a call from before the circuit opened says nothing about now.
        if self.is_probe || !was_open {
            hosts.pop(&self.host);
        }
        if was_open {
            self.circuits.show(&hosts);
        }
    }

    pub(crate) fn failed(self) {
        self.failed_at(Instant::now());
    }

    fn failed_at(self, now: Instant) {
        let config = self.circuits.config;
        let mut hosts = self.circuits.hosts.lock();
        let circuit = hosts.get_or_insert_mut(self.host.clone(), Circuit::default);
        if circuit.open_until.is_some() && !self.is_probe {
            return;
        }
        circuit.failures = circuit.failures.saturating_add(1);
        if self.is_probe || circuit.failures >= config.failures {
            circuit.open_until = Some(now + config.open_for);
        }
        self.circuits.show(&hosts);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe
            && let Some(circuit) = self.circuits.hosts.lock().get_mut(&self.host)
        {
            circuit.has_probe = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(30);

    fn circuits() -> Circuits {
        let config = CircuitConfig { failures: 3, open_for: OPEN_FOR, counts: CountedFailures::All };
        Circuits::new(config, Gauge::noop())
    }

    fn fail(circuits: &Circuits, now: Instant, times: usize) {
        for _ in 0..times {
            circuits.acquire_at(now, "a").unwrap().failed_at(now);
        }
    }

    #[test]
    fn it_opens_after_consecutive_failures_for_that_host_only() {
        let (circuits, start) = (circuits(), Instant::now());
        fail(&circuits, start, 2);
        circuits.acquire_at(start, "a").unwrap().succeeded();
        fail(&circuits, start, 2);
        assert!(circuits.acquire_at(start, "a").is_some(), "a success resets the count");
        fail(&circuits, start, 1);
        assert!(circuits.acquire_at(start, "a").is_none());
        assert!(circuits.acquire_at(start, "b").is_some());
    }

    #[test]
    fn after_a_while_one_call_tries_the_host() {
        let (circuits, start) = (circuits(), Instant::now());
        fail(&circuits, start, 3);
        let later = start + OPEN_FOR;
        let probe = circuits.acquire_at(later, "a").unwrap();
        assert!(circuits.acquire_at(later, "a").is_none(), "one at a time");
        probe.failed_at(later);
        assert!(circuits.acquire_at(later, "a").is_none(), "open again");
        let end = later + OPEN_FOR;
        drop(circuits.acquire_at(end, "a").unwrap());
        circuits.acquire_at(end, "a").unwrap().succeeded();
        fail(&circuits, end, 2);
        assert!(circuits.acquire_at(end, "a").is_some(), "closed, with a count from zero");
    }

    #[test]
    fn a_late_result_changes_nothing_while_it_is_open() {
        let (circuits, start) = (circuits(), Instant::now());
        let acquire = || circuits.acquire_at(start, "a").unwrap();
        let (late_success, late_failure) = (acquire(), acquire());
        fail(&circuits, start, 3);
        late_success.succeeded();
        assert!(circuits.acquire_at(start, "a").is_none());
        late_failure.failed_at(start + OPEN_FOR / 2);
        assert!(circuits.acquire_at(start + OPEN_FOR, "a").is_some());
    }
}
