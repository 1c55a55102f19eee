//! The middleware around all routes, outermost first: request id → security headers → CORS →
//! request log → errors, malformed requests and panics → timeout → routes.

mod cors;
mod errors;
mod request_id;
mod request_log;
mod request_metrics;
mod security_headers;
mod timeout;
pub(crate) mod well_formed;

use std::sync::Arc;
use std::time::Duration;

use cors::Cors;
use errors::CatchErrors;
use groundwork_server::client::TrustedProxies;
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response};
use request_id::AssignRequestId;
use request_log::RequestLog;
use request_metrics::RequestMetrics;
use security_headers::SecurityHeaders;
use timeout::Timeout;

pub use cors::AllowedOrigins;

/// The middleware and its settings.
#[derive(Clone, Debug)]
pub struct MiddlewareStack {
    /// The proxies whose forwarding headers name the client.
    pub proxies: TrustedProxies,
    /// Origins that may call the API from a browser.
    pub cors_origins: AllowedOrigins,
    /// How long a request may take from its first byte to its response.
    pub request_timeout: Duration,
}

impl MiddlewareStack {
    /// Wraps the routes.
    pub fn wrap<E>(self, routes: E) -> BoxEndpoint<'static, Response>
    where
        E: IntoEndpoint,
        E::Endpoint: Endpoint<Output = Response> + 'static,
    {
        let timeout = Timeout { inner: routes.into_endpoint(), duration: self.request_timeout };
        let errors = CatchErrors { inner: timeout };
        let log = RequestLog { inner: errors, metrics: Arc::new(RequestMetrics::new()) };
        let cors = Cors { inner: log, origins: self.cors_origins };
        let security_headers = SecurityHeaders { inner: cors, proxies: self.proxies.clone() };
        AssignRequestId { inner: security_headers, proxies: self.proxies }.boxed()
    }
}
