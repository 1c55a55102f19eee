use std::mem;

use reqwest::{Response, StatusCode};

use crate::generated::ErrorCode;
use crate::types::{ErrorBody, FieldProblem};

/// How a call fails. [`Failure`] reads what the service said.
pub type Error = progenitor_client::Error<ErrorBody>;

/// What the service said about a call that failed.
pub trait Failure {
    /// The body of the answer; `None` when there was no answer, or none with such a body.
    fn body(&self) -> Option<&ErrorBody>;

    /// What went wrong, for programs. It may be [`ErrorCode::Unknown`]: go by the status then.
    fn code(&self) -> Option<&ErrorCode> {
        self.body().map(|body| &body.error)
    }

    /// The values that break a rule, with [`ErrorCode::ValidationError`].
    fn fields(&self) -> &[FieldProblem] {
        self.body().and_then(|body| body.details.as_ref()).map_or(&[], |details| &details.fields)
    }
}

impl Failure for Error {
    fn body(&self) -> Option<&ErrorBody> {
        match self {
            Error::ErrorResponse(answer) => Some(answer),
            _ => None,
        }
    }
}

/// An answer that did not come from the service but from something in front of it, in the service's form: the generated
/// code would lose the status of one whose body it cannot read.
pub(crate) async fn in_the_services_form(mut response: Response) -> reqwest::Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let (headers, extensions) = (response.headers().clone(), mem::take(response.extensions_mut()));
    let mut body = response.bytes().await?;
    if serde_json::from_slice::<ErrorBody>(&body).is_err() {
        body = stand_in(status).into();
    }
    let mut answer = http::Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    *answer.extensions_mut() = extensions;
    Ok(answer.into())
}

fn stand_in(status: StatusCode) -> String {
    let error = ErrorCode::Unknown(String::new());
    let message = format!("{status}, answered by something in front of the service");
    let body = ErrorBody { success: false, error, message, details: None, request_id: String::new() };
    serde_json::to_string(&body).unwrap_or_default()
}
