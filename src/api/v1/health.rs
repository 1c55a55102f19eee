//! `/health`, and the root.

use groundwork_openapi::pages;
use groundwork_openapi::policy::Limit;
use groundwork_web::error::{ApiError, ErrorCode};
use groundwork_web::failure::Failure;
use groundwork_web::responses::Ok200;
use poem::http::header;
use poem_openapi::OpenApi;
use serde_json::json;

use super::Tag;
use crate::schemas::health::{DependencyHealth, Health, Readiness, ServiceCard};
use crate::services::health::{HealthService, HealthStatus};

pub struct HealthApi {
    pub health: HealthService,
}

#[OpenApi(prefix_path = "/health", tag = "Tag::Health")]
impl HealthApi {
    /// Get the health of the process
    ///
    /// Responds without checking dependencies. For people and simple monitors.
    #[oai(path = "/", method = "get", operation_id = "health_show", tag = "Limit::Unlimited")]
    async fn show(&self) -> Result<Ok200<Health>, Failure> {
        Ok(Ok200::of(Health::ok()))
    }

    /// Check liveness
    ///
    /// Returns 200 while the process responds. For a supervisor that restarts the process when it
    /// does not. Dependencies are not checked, because a restart would not repair them.
    #[oai(path = "/live", method = "get", operation_id = "health_live", tag = "Limit::Unlimited")]
    async fn live(&self) -> Ok200<Health> {
        Ok200::of(Health::ok())
    }

    /// Check readiness
    ///
    /// Returns 200 when this instance can serve requests, including when it is `degraded`: without
    /// Redis, each instance limits and caches on its own; without a replica, the primary serves all
    /// reads; with a job that has been due for more than five minutes, work after the response is
    /// late. Returns 503 when it cannot serve requests, with the dependencies in
    /// `details.dependencies`, and when it is shutting down. For load balancers.
    #[oai(path = "/ready", method = "get", operation_id = "health_ready", tag = "Limit::Unlimited")]
    async fn ready(&self) -> Result<Ok200<Readiness>, Failure> {
        let unavailable = |message| ApiError::from(ErrorCode::SERVICE_UNAVAILABLE).with_message(message);
        if self.health.is_stopping() {
            return Err(unavailable("The service is shutting down.").into());
        }
        let probes = self.health.probe().await;
        let status = probes.iter().map(|probe| probe.status).max().unwrap_or(HealthStatus::Unavailable);
        let dependencies: Vec<_> = probes.iter().cloned().map(DependencyHealth::from).collect();
        if status == HealthStatus::Unavailable {
            let problem = unavailable("A dependency does not respond.");
            return Err(problem.with_details(json!({ "dependencies": dependencies })).into());
        }
        Ok(Ok200::of(Readiness { status: status.into(), dependencies }))
    }
}

pub struct ServiceApi {
    /// The name of the service.
    pub name: String,
}

#[OpenApi(tag = "Tag::Service")]
impl ServiceApi {
    /// Get the service
    ///
    /// Returns the name and the version of the service, and the locations of its documentation.
    #[oai(
        path = "/",
        method = "get",
        operation_id = "service_show",
        response_header(
            name = "Link",
            ty = "String",
            description = "The description of the service and its documentation (RFC 8631)."
        )
    )]
    async fn show(&self) -> Result<Ok200<ServiceCard>, Failure> {
        Ok(Ok200::of(ServiceCard::of(&self.name)).with_header(header::LINK, pages::LINKS))
    }
}
