//! The middleware around all routes, outermost first: request id → security headers → CORS →
//! request log → errors, malformed requests and panics → timeout → routes.
//!
//! Most are no `async fn`: each of those would keep a second copy of the request in the future,
//! which is moved to the heap as a whole for every request. Outside of [`CatchErrors`] there are
//! responses only, no errors.

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
        self.layers(routes.into_endpoint()).boxed()
    }

    fn layers<E: Endpoint<Output = Response>>(self, routes: E) -> impl Endpoint<Output = Response> {
        let timeout = Timeout { inner: routes, duration: self.request_timeout };
        let errors = CatchErrors { inner: timeout };
        let log = RequestLog { inner: errors, metrics: Arc::new(RequestMetrics::new()) };
        let cors = Cors { inner: log, origins: self.cors_origins };
        let security_headers = SecurityHeaders { inner: cors, proxies: self.proxies.clone() };
        AssignRequestId { inner: security_headers, proxies: self.proxies }
    }
}

#[cfg(test)]
mod tests {
    use groundwork_server::client::ForwardedHeader;
    use poem::{Request, Route};

    use super::*;

    /// Beyond 4 KiB, moving it to the heap costs more than all middleware does.
    #[tokio::test]
    async fn the_future_of_a_request_stays_small() {
        let proxies =
            TrustedProxies { networks: Vec::new(), header: ForwardedHeader::Either, setting: "PROXIES" };
        let (cors_origins, request_timeout) = (AllowedOrigins::Local, Duration::from_secs(1));
        let stack = MiddlewareStack { proxies, cors_origins, request_timeout };
        let endpoint = stack.layers(Route::new());
        assert!(size_of_val(&endpoint.call(Request::default())) < 4096);
    }
}
