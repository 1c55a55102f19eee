//! Whether this instance can serve.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio_util::sync::CancellationToken;

use crate::core::redis::Redis;
use crate::db::{Database, ReplicaState};

/// A dependency that says nothing for this long counts as away.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// How long an answer is given to everybody who asks. Anybody may ask as often as they like, so that must not ask the
/// dependencies as often.
const KEPT: Duration = Duration::from_secs(1);

/// What a dependency answered.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Which dependency.
    pub name: Cow<'static, str>,
    /// What stands behind it in this deployment.
    pub tier: &'static str,
    /// How long the answer took.
    pub latency: Duration,
    /// What the answer means.
    pub standing: Standing,
}

/// What becomes of the service with a dependency as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It serves.
    Ok,
    /// It serves without what the dependency is for.
    Degraded,
    /// It cannot serve.
    Unavailable,
}

/// Asks the dependencies.
#[derive(Clone)]
pub struct HealthService {
    database: Database,
    redis: Option<Redis>,
    shutdown: CancellationToken,
    last: Arc<Mutex<Option<Round>>>,
}

/// The dependencies asked once, for everybody who waits for it.
type Round = Shared<BoxFuture<'static, Answers>>;

#[derive(Clone)]
struct Answers {
    probes: Arc<[Probe]>,
    at: Instant,
}

impl HealthService {
    /// Asks these. The service is about to stop once `shutdown` is cancelled.
    pub fn new(database: Database, redis: Option<Redis>, shutdown: CancellationToken) -> Self {
        Self { database, redis, shutdown, last: Arc::default() }
    }

    /// Whether the service is about to stop, and should get no new requests.
    pub fn is_stopping(&self) -> bool {
        self.shutdown.is_cancelled()
    }

    /// What every dependency answered when it was last asked for a sign of life, which is less than a second ago. All who ask
    /// at once wait for one answer.
    pub async fn probe(&self) -> Arc<[Probe]> {
        self.round().await.probes
    }

    /// The round that is under way, or the last one while it is new.
    fn round(&self) -> Round {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |answers: &Answers| answers.at.elapsed() >= KEPT;
        match &*last {
            Some(round) if !round.peek().is_some_and(is_over) => round.clone(),
            _ => last.insert(self.begin_round()).clone(),
        }
    }

    /// Asks every dependency, all at once, in a task of its own: a client that leaves must not end what others wait for.
    fn begin_round(&self) -> Round {
        let service = self.clone();
        let asking = tokio::spawn(async move {
            let (database, state) = tokio::join!(service.probe_database(), service.probe_state());
            [database, state].into_iter().chain(service.replicas()).collect()
        });
        let answers = asking.map(|asked| Answers { probes: asked.unwrap_or_default(), at: Instant::now() });
        answers.boxed().shared()
    }

    /// Replicas, by their places in the setting: everybody may ask, and need not know their addresses. They are checked
    /// all the time, so nothing is asked here.
    fn replicas(&self) -> impl Iterator<Item = Probe> {
        let tier = self.database.tier();
        self.database.replicas().into_iter().zip(1..).map(move |(replica, number)| Probe {
            name: format!("replica_{number}").into(),
            tier,
            latency: replica.latency.unwrap_or_default(),
            standing: match replica.state {
                ReplicaState::Unchecked | ReplicaState::Used => Standing::Ok,
                ReplicaState::Ejected(_) => Standing::Degraded,
            },
        })
    }

    async fn probe_database(&self) -> Probe {
        let start = Instant::now();
        let result = self.database.ping(PROBE_LIMIT).await;
        if let Err(error) = &result {
            tracing::warn!(error = error as &dyn std::error::Error, "the database does not answer");
        }
        let standing = if result.is_ok() { Standing::Ok } else { Standing::Unavailable };
        Probe { name: "database".into(), tier: self.database.tier(), latency: start.elapsed(), standing }
    }

    /// Rate limits and the cache. Without Redis both go on in this process, which is worse and not down.
    async fn probe_state(&self) -> Probe {
        let name = Cow::Borrowed("state");
        let Some(redis) = &self.redis else {
            return Probe { name, tier: "in_process", latency: Duration::ZERO, standing: Standing::Ok };
        };
        let answer = redis.ping().await;
        let standing = if answer.is_ok() { Standing::Ok } else { Standing::Degraded };
        Probe { name, tier: redis.tier(), latency: answer.unwrap_or_default(), standing }
    }
}
