use std::mem;

use reqwest::{Response, StatusCode};

use crate::generated::ErrorCode;
use crate::types::{ErrorBody, FieldProblem};

/// The error of a call. [`Failure`] reads the error body of the service.
pub type Error = progenitor_client::Error<ErrorBody>;

/// Access to the error body of a failed call.
pub trait Failure {
    /// The error body; `None` if there was no response, or if it has no such body.
    fn body(&self) -> Option<&ErrorBody>;

    /// The error code. If it is [`ErrorCode::Unknown`], use the status.
    fn code(&self) -> Option<&ErrorCode> {
        self.body().map(|body| &body.error)
    }

    /// The invalid fields of an [`ErrorCode::ValidationError`].
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

/// Gives a response of a proxy the service's error body, because the generated code loses the
/// status of a response whose body it cannot read.
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
