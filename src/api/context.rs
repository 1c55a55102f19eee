//! The context of a call, as an argument of a handler.

use std::ops::Deref;
use std::sync::Arc;

use groundwork_telemetry::context::CallContext;
use groundwork_web::request::RequestScope;
use poem::{FromRequest, Request, RequestBody};

/// The client's address, what it says of itself, and the request's id.
pub struct Context(Arc<RequestScope>);

impl Deref for Context {
    type Target = CallContext;

    fn deref(&self) -> &CallContext {
        self.0.context()
    }
}

impl<'a> FromRequest<'a> for Context {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(Arc::clone(RequestScope::get(request)?)))
    }
}
