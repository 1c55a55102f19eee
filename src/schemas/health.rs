//! Health, and the description of the service.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::services::health::{HealthStatus, Probe};

/// The health of the service or of a dependency.
#[derive(Enum, Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[oai(rename = "HealthStatus", rename_all = "lowercase", remote = "HealthStatus")]
#[serde(rename_all = "lowercase")]
pub enum HealthStatusView {
    /// It works.
    Ok,
    /// A dependency does not respond, and the service works without it; or jobs wait for too long.
    Degraded,
    /// It does not respond.
    Unavailable,
}

/// The state of the process.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct Health {
    /// Always `ok`: the process responds.
    pub status: HealthStatusView,
    /// The version of the service.
    pub version: String,
}

impl Health {
    pub fn ok() -> Self {
        Self { status: HealthStatusView::Ok, version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

example!(Health { status: HealthStatusView::Ok, version: "1.0.0".to_owned() });

/// The health of a dependency.
#[derive(Object, Serialize)]
#[oai(example, remote = "Probe")]
pub struct DependencyHealth {
    /// The dependency: `database`, `state` (rate limits and the cache), `jobs` (work after the
    /// response), `replica_1`, `replica_2` and so on.
    pub name: String,
    /// The health of the dependency.
    pub status: HealthStatusView,
    /// The product in use: `sqlite` or `postgresql`; `in_process`, `redis`, `redis_sentinel` or
    /// `redis_cluster`.
    pub tier: String,
    /// The response time of the dependency, in milliseconds.
    pub latency_ms: f64,
}

example!(DependencyHealth {
    name: "database".to_owned(),
    status: HealthStatusView::Ok,
    tier: "postgresql".to_owned(),
    latency_ms: 0.8,
});

/// The readiness of this instance.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct Readiness {
    /// The worst status of all dependencies.
    pub status: HealthStatusView,
    /// One entry per dependency.
    pub dependencies: Vec<DependencyHealth>,
}

example!(Readiness { status: HealthStatusView::Ok, dependencies: vec![Example::example()] });

/// The service and the locations of its documentation.
#[derive(Object, Serialize)]
#[oai(example)]
pub struct ServiceCard {
    /// The name of the service.
    pub name: String,
    /// The version of the service.
    pub version: String,
    /// The URL of the interactive documentation, relative to this resource.
    pub docs: String,
    /// The URL of the OpenAPI document, relative to this resource.
    pub openapi: String,
}

impl ServiceCard {
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
