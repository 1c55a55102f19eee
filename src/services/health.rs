//! The health of this instance and its dependencies.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use crate::core::redis::Redis;
use crate::db::{Database, ReplicaState};
use tokio_util::sync::CancellationToken;

/// A database that takes longer to respond counts as unavailable.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long results are reused. Anyone can call readiness at any rate, which must not load the
/// dependencies.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// The state of a dependency.
#[derive(Clone, Debug)]
pub struct Probe {
    pub name: Cow<'static, str>,
    /// The product in use, such as `sqlite` or `redis_cluster`.
    pub tier: &'static str,
    pub latency: Duration,
    pub status: HealthStatus,
}

/// The service's health given the state of one dependency, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthStatus {
    Ok,
    /// The service works without the dependency.
    Degraded,
    Unavailable,
}

#[derive(Clone)]
pub struct HealthService {
    database: Database,
    redis: Option<Redis>,
    shutdown: CancellationToken,
    latest: Arc<Mutex<Option<SharedProbe>>>,
}

/// One probe of all dependencies, shared by all callers that wait for it.
type SharedProbe = Shared<BoxFuture<'static, ProbeResults>>;

#[derive(Clone)]
struct ProbeResults {
    probes: Arc<[Probe]>,
    at: Instant,
}

impl HealthService {
    pub fn new(database: Database, redis: Option<Redis>, shutdown: CancellationToken) -> Self {
        Self { database, redis, shutdown, latest: Arc::default() }
    }

    /// Whether the instance is shutting down and should get no new requests.
    pub fn is_stopping(&self) -> bool {
        self.shutdown.is_cancelled()
    }

    /// The state of all dependencies, at most a second old. Concurrent callers share one probe.
    pub async fn probe(&self) -> Arc<[Probe]> {
        self.shared_probe().await.probes
    }

    fn shared_probe(&self) -> SharedProbe {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let is_stale = |results: &ProbeResults| results.at.elapsed() >= CACHE_TTL;
        match &*latest {
            Some(probe) if !probe.peek().is_some_and(is_stale) => probe.clone(),
            _ => latest.insert(self.spawn_probe()).clone(),
        }
    }

    /// Probes in a task of its own, so that a client that disconnects does not cancel the probe of
    /// the others.
    fn spawn_probe(&self) -> SharedProbe {
        let service = self.clone();
        let task = tokio::spawn(async move {
            let (database, state) = tokio::join!(service.probe_database(), service.probe_state());
            [database, state].into_iter().chain(service.replicas()).collect()
        });
        let results = task.map(|done| ProbeResults { probes: done.unwrap_or_default(), at: Instant::now() });
        results.boxed().shared()
    }

    /// Replicas, from their continuous checks. They are numbered, because their addresses are not
    /// public.
    fn replicas(&self) -> impl Iterator<Item = Probe> {
        let tier = self.database.tier();
        self.database.replicas().into_iter().zip(1..).map(move |(replica, number)| Probe {
            name: format!("replica_{number}").into(),
            tier,
            latency: replica.latency.unwrap_or_default(),
            status: match replica.state {
                ReplicaState::Unchecked | ReplicaState::Used => HealthStatus::Ok,
                ReplicaState::Ejected(_) => HealthStatus::Degraded,
            },
        })
    }

    async fn probe_database(&self) -> Probe {
        let start = Instant::now();
        let result = self.database.ping(PROBE_TIMEOUT).await;
        if let Err(error) = &result {
            tracing::warn!(error = error as &dyn std::error::Error, "the database does not answer");
        }
        let status = if result.is_ok() { HealthStatus::Ok } else { HealthStatus::Unavailable };
        Probe { name: "database".into(), tier: self.database.tier(), latency: start.elapsed(), status }
    }

    /// The state that instances share: rate limits and the cache. Without Redis, each instance has
    /// its own.
    async fn probe_state(&self) -> Probe {
        let name = Cow::Borrowed("state");
        let Some(redis) = &self.redis else {
            return Probe { name, tier: "in_process", latency: Duration::ZERO, status: HealthStatus::Ok };
        };
        let response = redis.ping().await;
        let status = if response.is_ok() { HealthStatus::Ok } else { HealthStatus::Degraded };
        Probe { name, tier: redis.tier(), latency: response.unwrap_or_default(), status }
    }
}
