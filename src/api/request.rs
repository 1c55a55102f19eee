//! What is known about a request while it is served.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use poem::http::header;
use poem::{FromRequest, Request, RequestBody};
use tokio::sync::OwnedSemaphorePermit;

use super::errors::{ErrorCode, Problem};
use super::extract::BodyTimeout;
use super::forwarded::Proxies;
use super::limits::Admission;
use super::routes::Operation;
use super::rules::Rules;
use crate::core::context::{CallContext, MAX_USER_AGENT, RequestId, printable};
use crate::core::ids::UserId;
use crate::core::rate_limit::Verdict;
use crate::services::auth::AuthService;

/// What every operation is served with.
pub struct Served {
    /// Who is let in.
    pub admission: Admission,
    /// What bodies and parameters are held against.
    pub rules: Rules,
    /// Who is calling.
    pub auth: AuthService,
    /// How long a body may take.
    pub body_timeout: BodyTimeout,
}

/// Why a request is refused by every operation.
#[derive(Clone, Copy, Debug)]
pub enum Malformed {
    /// It is not well-formed; the sentence says why.
    Request(&'static str),
    /// Its body has a transfer coding that is not understood.
    TransferCoding,
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Request(why) => Self::from(ErrorCode::MalformedRequest).with_message(why),
            Malformed::TransferCoding => ErrorCode::NotImplemented.into(),
        }
    }
}

/// The context of a request, shared by the middleware around the route and by what is inside it: the log line is
/// written outside, where the route and the user are not known.
#[derive(Clone)]
pub struct RequestScope(Arc<Inner>);

struct Inner {
    context: CallContext,
    user: OnceLock<UserId>,
    operation: OnceLock<Arc<Operation>>,
    served: OnceLock<Arc<Served>>,
    verdict: OnceLock<Verdict>,
    query: OnceLock<Vec<(String, String)>>,
    place: Mutex<Option<OwnedSemaphorePermit>>,
    malformed: OnceLock<Malformed>,
}

impl RequestScope {
    /// The scope of a request that the middleware gave one.
    ///
    /// # Errors
    /// 500 without one.
    pub fn get(request: &Request) -> Result<&Self, Problem> {
        Ok(request.data::<Self>().ok_or(ErrorCode::InternalError)?)
    }

    /// The scope of a request with this id.
    pub fn of(request: &Request, request_id: RequestId, proxies: &Proxies) -> Self {
        let peer = request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip);
        let user_agent = request.header(header::USER_AGENT).map(|text| printable(text, MAX_USER_AGENT));
        let ip = proxies.client_of(peer, request.headers());
        Self(Arc::new(Inner {
            context: CallContext { ip, user_agent, request_id },
            user: OnceLock::new(),
            operation: OnceLock::new(),
            served: OnceLock::new(),
            verdict: OnceLock::new(),
            query: OnceLock::new(),
            place: Mutex::default(),
            malformed: OnceLock::new(),
        }))
    }

    /// Where the call comes from.
    pub fn context(&self) -> &CallContext {
        &self.0.context
    }

    /// Who is calling, once a guard has found out.
    pub fn user(&self) -> Option<UserId> {
        self.0.user.get().copied()
    }

    /// Notes who is calling; the first to say so is believed.
    pub fn set_user(&self, user: UserId) {
        self.0.user.get_or_init(|| user);
    }

    /// The operation the request was routed to.
    pub fn operation(&self) -> Option<&Operation> {
        self.0.operation.get().map(Arc::as_ref)
    }

    /// Notes where the request was routed to.
    pub fn set_operation(&self, operation: &Arc<Operation>) {
        self.0.operation.get_or_init(|| Arc::clone(operation));
    }

    /// What the operation is served with, once the request was routed to one.
    ///
    /// # Errors
    /// 500 without a route.
    pub fn served(&self) -> Result<&Served, Problem> {
        Ok(self.0.served.get().ok_or(ErrorCode::InternalError)?)
    }

    /// Notes what the operation is served with.
    pub fn set_served(&self, served: &Arc<Served>) {
        self.0.served.get_or_init(|| Arc::clone(served));
    }

    /// What the rate limit made of the request; `None` where there is no limit.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.0.verdict.get()
    }

    /// Notes what the rate limit made of the request.
    pub fn set_verdict(&self, verdict: Verdict) {
        self.0.verdict.get_or_init(|| verdict);
    }

    /// Refuses the request if it was found to be malformed.
    ///
    /// # Errors
    /// 400 or 501.
    pub fn check_well_formed(&self) -> Result<(), Problem> {
        self.0.malformed.get().map_or(Ok(()), |malformed| Err((*malformed).into()))
    }

    /// Notes that the request is malformed.
    pub fn set_malformed(&self, malformed: Malformed) {
        self.0.malformed.get_or_init(|| malformed);
    }

    /// The place among the requests under way, given back when the request has ended.
    pub fn place(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.0.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parameters of the query, once they have been taken apart.
    pub fn query(&self) -> Option<&[(String, String)]> {
        self.0.query.get().map(Vec::as_slice)
    }

    /// Notes the parameters of the query.
    pub fn set_query(&self, parameters: Vec<(String, String)>) -> &[(String, String)] {
        self.0.query.get_or_init(|| parameters)
    }
}

/// Where the call comes from, as an argument of a handler.
pub struct Context(RequestScope);

impl Deref for Context {
    type Target = CallContext;

    fn deref(&self) -> &CallContext {
        self.0.context()
    }
}

impl<'a> FromRequest<'a> for Context {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(RequestScope::get(request)?.clone()))
    }
}
