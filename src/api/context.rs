//! The context of a call, as an argument of a handler.

use std::ops::Deref;

use poem::{FromRequest, Request, RequestBody};

use crate::core::context::CallContext;
use crate::web::request::RequestScope;

/// The client's address, its user agent and the request's id.
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
