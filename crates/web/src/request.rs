//! What is known about a request while it is served.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use groundwork_server::client::TrustedProxies;
use groundwork_state::rate_limit::{ApiKeyHash, RateLimitDecision};
use groundwork_telemetry::context::{CallContext, MAX_ACCEPT_LANGUAGE, MAX_USER_AGENT, RequestId, printable};
use poem::Request;
use poem::http::header;
use tokio::sync::OwnedSemaphorePermit;

use super::error::{ApiError, ErrorCode};
use super::load_shedder::LoadShedder;
use super::middleware::well_formed::{self, Malformed};
use super::rate_limits::RateLimits;
use super::routes::Operation;
use super::validation::SchemaValidator;

/// The state that all operations share.
pub struct AppState {
    /// Rate limits, if there are any.
    pub rate_limits: Option<RateLimits>,
    /// The limit of requests in flight.
    pub load_shedder: LoadShedder,
    /// Checks bodies and parameters against the document.
    pub validator: SchemaValidator,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// What the app's own extractors read by its type, such as the service that authenticates.
    pub app_data: Box<dyn Any + Send + Sync>,
}

/// The scope of a request, shared by its middleware and its handler: the log line is written
/// outside the router, which alone knows the operation, and the guard, which alone knows the user.
pub struct RequestScope {
    context: CallContext,
    pub(crate) user_id: OnceLock<i64>,
    /// Set once the request is routed, as is `state`.
    pub(crate) operation: OnceLock<Arc<Operation>>,
    pub(crate) state: OnceLock<Arc<AppState>>,
    /// Empty for an operation without a rate limit.
    pub(crate) rate_limit: OnceLock<RateLimitDecision>,
    /// An API key that counted for its address.
    pub(crate) unknown_api_key: OnceLock<ApiKeyHash>,
    /// Of that API key, if it is valid.
    pub(crate) api_key_rate_limit: OnceLock<RateLimitDecision>,
    /// The query's parameters, once they are checked.
    pub(crate) query: OnceLock<Vec<(String, String)>>,
    /// The body, if the request has an idempotency key.
    pub(crate) keyed_body: OnceLock<Bytes>,
    /// The permit among the requests in flight; released when the request ends.
    pub(crate) permit: Mutex<Option<OwnedSemaphorePermit>>,
    pub(crate) malformed: Option<Malformed>,
}

impl RequestScope {
    /// The scope that the middleware attached to the request.
    ///
    /// # Errors
    /// 500 without one.
    pub fn get(request: &Request) -> Result<&Arc<Self>, ApiError> {
        Ok(request.data::<Arc<Self>>().ok_or(ErrorCode::INTERNAL_ERROR)?)
    }

    pub(crate) fn new(request: &Request, request_id: RequestId, proxies: &TrustedProxies) -> Self {
        let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip);
        let user_agent = request.header(header::USER_AGENT).map(|text| printable(text, MAX_USER_AGENT));
        let accept_language =
            request.header(header::ACCEPT_LANGUAGE).map(|text| printable(text, MAX_ACCEPT_LANGUAGE));
        let ip = proxies.client_address(peer, request.headers());
        Self {
            context: CallContext { ip, user_agent, accept_language, request_id },
            user_id: OnceLock::new(),
            operation: OnceLock::new(),
            state: OnceLock::new(),
            rate_limit: OnceLock::new(),
            unknown_api_key: OnceLock::new(),
            api_key_rate_limit: OnceLock::new(),
            query: OnceLock::new(),
            keyed_body: OnceLock::new(),
            permit: Mutex::default(),
            malformed: well_formed::check(request.version(), request.uri(), request.headers()).err(),
        }
    }

    /// The client's address, what it says of itself, and the request's id.
    pub fn context(&self) -> &CallContext {
        &self.context
    }

    /// Records the authenticated user, for the log line.
    pub fn set_user_id(&self, user_id: i64) {
        self.user_id.get_or_init(|| user_id);
    }

    /// Counts the request for its API key, which is valid, unless that was done already.
    ///
    /// # Errors
    /// 429 beyond the limit of the key.
    pub async fn count_api_key(&self) -> Result<(), ApiError> {
        match (&self.state()?.rate_limits, self.operation.get()) {
            (Some(rate_limits), Some(operation)) => rate_limits.count_api_key(operation, self).await,
            _ => Ok(()),
        }
    }

    /// Has the next request with this API key count for its address: the key is not valid any more.
    /// Any other token is no key, and nothing is done.
    pub fn forget_api_key(&self, token: &str) {
        let rate_limits = self.state().ok().and_then(|state| state.rate_limits.as_ref());
        if let Some(keys) = rate_limits.and_then(|rate_limits| rate_limits.limiter.api_keys()) {
            keys.forget(token);
        }
    }

    /// The decision on the request, if it is limited: that on its API key, or else on its address.
    pub(crate) fn rate_limit(&self) -> Option<&RateLimitDecision> {
        self.api_key_rate_limit.get().or_else(|| self.rate_limit.get())
    }

    pub(crate) fn state(&self) -> Result<&AppState, ApiError> {
        Ok(self.state.get().ok_or(ErrorCode::INTERNAL_ERROR)?)
    }

    /// [`AppState::app_data`].
    ///
    /// # Errors
    /// 500 if it is of another type, or before the request is routed to an operation.
    pub fn app_data<T: 'static>(&self) -> Result<&T, ApiError> {
        Ok(self.state()?.app_data.downcast_ref().ok_or(ErrorCode::INTERNAL_ERROR)?)
    }
}
