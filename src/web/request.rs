//! What is known about a request while it is served.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use poem::Request;
use poem::http::header;
use tokio::sync::OwnedSemaphorePermit;

use super::error::{ApiError, ErrorCode};
use super::load_shedder::LoadShedder;
use super::routes::Operation;
use super::validation::SchemaValidator;
use crate::api::forwarded::TrustedProxies;
use crate::core::context::{CallContext, MAX_USER_AGENT, RequestId, printable};
use crate::core::rate_limit::RateLimitDecision;

/// The state that all operations share.
pub struct AppState {
    /// Rate limits and the limit of requests in flight.
    pub load_shedder: LoadShedder,
    /// Checks bodies and parameters against the document.
    pub validator: SchemaValidator,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// What the app's own extractors need, such as the service behind its guards.
    pub extension: Box<dyn Any + Send + Sync>,
}

/// Why a request is refused whatever its operation is.
#[derive(Clone, Copy, Debug)]
pub enum Malformed {
    /// Its host or its framing is wrong; the sentence says why.
    Request(&'static str),
    /// Its body has a transfer coding other than `chunked`.
    TransferCoding,
}

impl From<Malformed> for ApiError {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Request(reason) => Self::from(ErrorCode::MALFORMED_REQUEST).with_message(reason),
            Malformed::TransferCoding => ErrorCode::NOT_IMPLEMENTED.into(),
        }
    }
}

/// The scope of a request, shared by its middleware and its handler: the log line is written outside
/// the router, which alone knows the operation, and the guard, which alone knows the user.
#[derive(Clone)]
pub struct RequestScope(Arc<Scope>);

struct Scope {
    context: CallContext,
    user_id: OnceLock<i64>,
    operation: OnceLock<Arc<Operation>>,
    state: OnceLock<Arc<AppState>>,
    rate_limit: OnceLock<RateLimitDecision>,
    query: OnceLock<Vec<(String, String)>>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    malformed: OnceLock<Malformed>,
}

impl RequestScope {
    /// The scope that the middleware attached to the request.
    ///
    /// # Errors
    /// 500 without one.
    pub fn get(request: &Request) -> Result<&Self, ApiError> {
        Ok(request.data::<Self>().ok_or(ErrorCode::INTERNAL_ERROR)?)
    }

    /// A new scope for a request.
    pub fn new(request: &Request, request_id: RequestId, proxies: &TrustedProxies) -> Self {
        let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip);
        let user_agent = request.header(header::USER_AGENT).map(|text| printable(text, MAX_USER_AGENT));
        let ip = proxies.client_address(peer, request.headers());
        Self(Arc::new(Scope {
            context: CallContext { ip, user_agent, request_id },
            user_id: OnceLock::new(),
            operation: OnceLock::new(),
            state: OnceLock::new(),
            rate_limit: OnceLock::new(),
            query: OnceLock::new(),
            permit: Mutex::default(),
            malformed: OnceLock::new(),
        }))
    }

    /// The client's address, its user agent and the request's id.
    pub fn context(&self) -> &CallContext {
        &self.0.context
    }

    /// The user's id, once a guard has authenticated the request.
    pub fn user_id(&self) -> Option<i64> {
        self.0.user_id.get().copied()
    }

    /// Records the authenticated user, for the log line.
    pub fn set_user_id(&self, user_id: i64) {
        self.0.user_id.get_or_init(|| user_id);
    }

    /// The operation, once the request is routed.
    pub fn operation(&self) -> Option<&Operation> {
        self.0.operation.get().map(Arc::as_ref)
    }

    pub(super) fn set_operation(&self, operation: &Arc<Operation>) {
        self.0.operation.get_or_init(|| Arc::clone(operation));
    }

    pub(super) fn set_state(&self, state: &Arc<AppState>) {
        self.0.state.get_or_init(|| Arc::clone(state));
    }

    /// The state that all operations share.
    ///
    /// # Errors
    /// 500 before the request is routed to an operation.
    pub fn state(&self) -> Result<&AppState, ApiError> {
        Ok(self.0.state.get().ok_or(ErrorCode::INTERNAL_ERROR)?)
    }

    /// The app's own part of the state.
    ///
    /// # Errors
    /// 500 if the app's extension is of another type.
    pub fn extension<T: 'static>(&self) -> Result<&T, ApiError> {
        Ok(self.state()?.extension.downcast_ref().ok_or(ErrorCode::INTERNAL_ERROR)?)
    }

    /// The decision of the rate limit; `None` if the operation has none.
    pub fn rate_limit(&self) -> Option<&RateLimitDecision> {
        self.0.rate_limit.get()
    }

    pub(super) fn set_rate_limit(&self, decision: RateLimitDecision) {
        self.0.rate_limit.get_or_init(|| decision);
    }

    /// Refuses the request if the middleware found it malformed.
    pub(super) fn check_well_formed(&self) -> Result<(), ApiError> {
        self.0.malformed.get().map_or(Ok(()), |malformed| Err((*malformed).into()))
    }

    pub(super) fn set_malformed(&self, malformed: Malformed) {
        self.0.malformed.get_or_init(|| malformed);
    }

    /// The permit among the requests in flight; released when the request ends.
    pub(super) fn permit(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.0.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parsed query parameters, once they are checked.
    pub(super) fn query(&self) -> Option<&[(String, String)]> {
        self.0.query.get().map(Vec::as_slice)
    }

    pub(super) fn set_query(&self, parameters: Vec<(String, String)>) -> &[(String, String)] {
        self.0.query.get_or_init(|| parameters)
    }
}
