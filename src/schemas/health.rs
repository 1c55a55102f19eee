//! Health and the service's own card.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::services::health::{Probe, Standing};

/// How something is.
#[derive(Enum, Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It works.
    Ok,
    /// It does not answer, and the service goes on without it.
    Degraded,
    /// It does not answer.
    Unavailable,
}

/// A sign of life.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct Health {
    /// Always `ok`: the process answers.
    pub status: HealthStatus,
    /// The version of the service.
    pub version: String,
}

impl Health {
    /// The process is alive.
    pub fn alive() -> Self {
        Self { status: HealthStatus::Ok, version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

impl Example for Health {
    fn example() -> Self {
        Self { status: HealthStatus::Ok, version: "1.0.0".to_owned() }
    }
}

/// How a dependency is.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct DependencyHealth {
    /// Which dependency: `database`, `state` (rate limits and the cache), `replica_1` and so on.
    pub name: String,
    /// How it is.
    pub status: HealthStatus,
    /// What stands behind it: `sqlite` or `postgresql`; `in_process`, `redis`, `redis_sentinel` or `redis_cluster`.
    pub tier: String,
    /// How long its answer took, in milliseconds.
    pub latency_ms: f64,
}

impl From<Standing> for HealthStatus {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Ok => Self::Ok,
            Standing::Degraded => Self::Degraded,
            Standing::Unavailable => Self::Unavailable,
        }
    }
}

impl From<&Probe> for DependencyHealth {
    fn from(probe: &Probe) -> Self {
        Self {
            name: probe.name.clone().into_owned(),
            status: probe.standing.into(),
            tier: probe.tier.to_owned(),
            latency_ms: probe.latency.as_secs_f64() * 1000.0,
        }
    }
}

impl Example for DependencyHealth {
    fn example() -> Self {
        Self {
            name: "database".to_owned(),
            status: HealthStatus::Ok,
            tier: "postgresql".to_owned(),
            latency_ms: 0.8,
        }
    }
}

/// Whether this instance can serve, dependency by dependency.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct Readiness {
    /// `ok` when every dependency is; otherwise what the worst one is.
    pub status: HealthStatus,
    /// One entry a dependency.
    pub dependencies: Vec<DependencyHealth>,
}

impl Example for Readiness {
    fn example() -> Self {
        Self { status: HealthStatus::Ok, dependencies: vec![DependencyHealth::example()] }
    }
}

/// What this service is and where to read on.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct ServiceCard {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The page to explore it, relative to the card's own address.
    pub docs: String,
    /// The document, relative to the card's own address.
    pub openapi: String,
}

impl ServiceCard {
    /// The card of a service of this name.
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            docs: "docs".to_owned(),
            openapi: "openapi.json".to_owned(),
        }
    }
}

impl Example for ServiceCard {
    fn example() -> Self {
        Self::of("Groundwork")
    }
}
