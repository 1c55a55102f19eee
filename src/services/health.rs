//! The health of this instance and its dependencies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use groundwork_clock::Clock;
use groundwork_database::{Database, ReplicaState};
use groundwork_jobs::records;
use groundwork_state::redis::Redis;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A database that takes longer to respond counts as unavailable.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long results are reused. Anyone can call readiness at any rate, which must not load the
/// dependencies.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// How long a job may be due before the workers count as too few, too slow or absent.
const MAX_JOB_DELAY: Duration = Duration::from_mins(5);

/// The state of a dependency.
#[derive(Clone, Debug)]
pub struct Probe {
    pub name: String,
    pub status: HealthStatus,
    /// The product in use, such as `sqlite` or `redis_cluster`.
    pub tier: String,
    pub latency_ms: f64,
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
    clock: Clock,
    shutdown: CancellationToken,
    latest: Arc<Mutex<Option<ProbeResults>>>,
}

struct ProbeResults {
    probes: Arc<[Probe]>,
    at: Instant,
}

impl HealthService {
    pub fn new(database: Database, redis: Option<Redis>, clock: Clock, shutdown: CancellationToken) -> Self {
        Self { database, redis, clock, shutdown, latest: Arc::default() }
    }

    /// Whether the instance is shutting down and should get no new requests.
    pub fn is_stopping(&self) -> bool {
        self.shutdown.is_cancelled()
    }

    /// The state of all dependencies, at most a second old. Concurrent callers share one probe.
    pub async fn probe(&self) -> Arc<[Probe]> {
        let mut latest = Arc::clone(&self.latest).lock_owned().await;
        if let Some(results) = latest.as_ref().filter(|results| results.at.elapsed() < CACHE_TTL) {
            return Arc::clone(&results.probes);
        }
        let service = self.clone();
        // In a task of its own, so that a client that disconnects does not cancel the probe of the
        // others.
        let task = tokio::spawn(async move {
            let (database, state, jobs) =
                tokio::join!(service.probe_database(), service.probe_state(), service.probe_jobs());
            let probes: Arc<[_]> = [database, state, jobs].into_iter().chain(service.replicas()).collect();
            *latest = Some(ProbeResults { probes: Arc::clone(&probes), at: Instant::now() });
            probes
        });
        task.await.unwrap_or_default()
    }

    /// Replicas, from their continuous checks. They are numbered, because their addresses are not
    /// public.
    fn replicas(&self) -> impl Iterator<Item = Probe> {
        let tier = self.database.tier();
        self.database.replicas().into_iter().zip(1..).map(move |(replica, number)| Probe {
            name: format!("replica_{number}"),
            tier: tier.to_owned(),
            latency_ms: milliseconds(replica.latency.unwrap_or_default()),
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
        let latency_ms = milliseconds(start.elapsed());
        Probe { name: "database".to_owned(), status, tier: self.database.tier().to_owned(), latency_ms }
    }

    /// The state that instances share: rate limits and the cache. Without Redis, each instance has
    /// its own.
    async fn probe_state(&self) -> Probe {
        let name = "state".to_owned();
        let Some(redis) = &self.redis else {
            return Probe { name, status: HealthStatus::Ok, tier: "in_process".to_owned(), latency_ms: 0.0 };
        };
        let response = redis.ping().await;
        let status = if response.is_ok() { HealthStatus::Ok } else { HealthStatus::Degraded };
        Probe {
            name,
            status,
            tier: redis.tier().to_owned(),
            latency_ms: milliseconds(response.unwrap_or_default()),
        }
    }

    /// The jobs: degraded if one has been due for too long. Requests are served all the same.
    async fn probe_jobs(&self) -> Probe {
        let start = Instant::now();
        let oldest_due = async {
            let mut connection = self.database.read();
            records::oldest_due(&mut connection, self.clock.now()).await
        };
        let status = match timeout(PROBE_TIMEOUT, oldest_due).await {
            Ok(Ok(age)) if age <= MAX_JOB_DELAY => HealthStatus::Ok,
            _ => HealthStatus::Degraded,
        };
        let (name, tier) = ("jobs".to_owned(), self.database.tier().to_owned());
        Probe { name, status, tier, latency_ms: milliseconds(start.elapsed()) }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
