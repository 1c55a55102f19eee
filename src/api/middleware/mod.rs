//! What surrounds every route, outermost first: request id → headers for browsers → CORS → request log → panics and
//! errors → deadline → whether it is well-formed → routes.

mod cors;
mod deadline;
mod envelope;
mod measure;
mod request_id;
mod request_log;
mod security;
mod well_formed;

use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response};

use crate::api::forwarded::TrustedProxies;
pub use cors::AllowedOrigins;
use cors::Cors;
use deadline::Deadline;
use envelope::Envelope;
use measure::Measure;
use request_id::RequestId;
use request_log::RequestLog;
use security::SecurityHeaders;
use well_formed::WellFormed;

/// The settings of the middleware.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Proxies that are believed.
    pub proxies: TrustedProxies,
    /// Origins whose pages may call the API.
    pub cors_origins: AllowedOrigins,
    /// How long a request may take from its first byte to its response.
    pub request_timeout: Duration,
}

impl Stack {
    /// Puts the middleware around the routes.
    pub fn around<E>(self, routes: E) -> BoxEndpoint<'static, Response>
    where
        E: IntoEndpoint,
        E::Endpoint: Endpoint<Output = Response> + 'static,
    {
        let well_formed = WellFormed { inner: routes.into_endpoint() };
        let limited = Deadline { inner: well_formed, request_timeout: self.request_timeout };
        let answered = Envelope { inner: limited };
        let logged = RequestLog { inner: answered, measure: Arc::new(Measure::new()) };
        let shared = Cors { inner: logged, origins: self.cors_origins };
        let marked = SecurityHeaders { inner: shared, proxies: self.proxies.clone() };
        RequestId { inner: marked, proxies: self.proxies }.boxed()
    }
}
