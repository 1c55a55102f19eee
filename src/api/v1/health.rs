//! `/health`, and the service's card at the root.

use poem_openapi::OpenApi;
use serde_json::json;

use super::Tag;
use crate::api::policy::Limit;
use crate::schemas::health::{DependencyHealth, Health, Readiness, ServiceCard};
use crate::services::health::{HealthService, Standing};
use crate::web::error::{ApiError, ErrorCode};
use crate::web::failure::{Failure, NoErrors};
use crate::web::responses::{Ok200, WithServiceLinks};

/// The operations of `/health`.
pub struct HealthApi {
    /// Asks the dependencies.
    pub health: HealthService,
}

#[OpenApi(prefix_path = "/health")]
impl HealthApi {
    /// Show that the service answers
    ///
    /// For people and simple monitors. It asks no dependency.
    #[oai(
        path = "/",
        method = "get",
        operation_id = "health_show",
        tag = "Tag::Health",
        tag = "Limit::Unlimited"
    )]
    async fn show(&self) -> Result<Ok200<Health>, Failure<NoErrors>> {
        Ok(Ok200::of(Health::alive()))
    }

    /// Liveness
    ///
    /// 200 while the process answers at all. For a supervisor that restarts what does not; it asks no dependency,
    /// because a restart would not mend one.
    #[oai(
        path = "/live",
        method = "get",
        operation_id = "health_live",
        tag = "Tag::Health",
        tag = "Limit::Unlimited"
    )]
    async fn live(&self) -> Ok200<Health> {
        Ok200::of(Health::alive())
    }

    /// Readiness
    ///
    /// 200 when the service can serve, also when it is `degraded`: without Redis, each instance limits and caches
    /// by itself, and without a replica the primary does its work. 503 when it cannot, with the same entries in `details.dependencies`, and when it
    /// is about to stop. For a load balancer.
    #[oai(
        path = "/ready",
        method = "get",
        operation_id = "health_ready",
        tag = "Tag::Health",
        tag = "Limit::Unlimited"
    )]
    async fn ready(&self) -> Result<Ok200<Readiness>, Failure<NoErrors>> {
        if self.health.is_stopping() {
            return Err(ApiError::from(ErrorCode::SERVICE_UNAVAILABLE)
                .with_message("The service is stopping.")
                .into());
        }
        let probes = self.health.probe().await;
        let standing = probes.iter().map(|probe| probe.standing).max().unwrap_or(Standing::Unavailable);
        let dependencies: Vec<_> = probes.iter().map(DependencyHealth::from).collect();
        if standing == Standing::Unavailable {
            let problem =
                ApiError::from(ErrorCode::SERVICE_UNAVAILABLE).with_message("A dependency does not answer.");
            return Err(problem.with_details(json!({ "dependencies": dependencies })).into());
        }
        Ok(Ok200::of(Readiness { status: standing.into(), dependencies }))
    }
}

/// The operation at the root.
pub struct ServiceApi {
    /// The service's name.
    pub name: String,
}

#[OpenApi]
impl ServiceApi {
    /// Show the service's card
    ///
    /// Its name and version and where to read on.
    #[oai(path = "/", method = "get", operation_id = "service_show", tag = "Tag::Service")]
    async fn show(&self) -> Result<WithServiceLinks<ServiceCard>, Failure<NoErrors>> {
        Ok(WithServiceLinks::of(ServiceCard::of(&self.name)))
    }
}
