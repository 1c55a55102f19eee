//! Whether this instance can serve.

use std::time::{Duration, Instant};

use crate::db::{Database, DbError};

/// A dependency that says nothing for this long counts as away.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// What a dependency answered.
#[derive(Debug)]
pub struct Probe {
    /// Which dependency.
    pub name: &'static str,
    /// What stands behind it in this deployment.
    pub tier: &'static str,
    /// How long the answer took.
    pub latency: Duration,
    /// The answer.
    pub result: Result<(), DbError>,
}

/// Asks the dependencies.
#[derive(Clone)]
pub struct HealthService {
    database: Database,
}

impl HealthService {
    /// Asks this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Asks the database for a sign of life.
    pub async fn probe_database(&self) -> Probe {
        let start = Instant::now();
        let result = self.database.ping(PROBE_LIMIT).await;
        if let Err(error) = &result {
            tracing::warn!(error = error as &dyn std::error::Error, "the database does not answer");
        }
        Probe { name: "database", tier: self.database.tier(), latency: start.elapsed(), result }
    }
}
