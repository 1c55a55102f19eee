//! The one error body, and JSON that is refused with it.

use std::fmt::Display;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::tokens;

#[derive(Clone, Copy)]
pub enum Problem {
    Malformed,
    Unauthorized,
    InvalidToken,
    InvalidCredentials,
    Forbidden,
    NotFound,
    Validation,
    RateLimited,
    Internal,
}

impl Problem {
    /// What went wrong inside is for the log, not for the client.
    pub fn inside(error: impl Display) -> Self {
        eprintln!("{error}");
        Self::Internal
    }

    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed => (S::BAD_REQUEST, "malformed_request", "The request is not well-formed."),
            Self::Unauthorized => (S::UNAUTHORIZED, "unauthorized", "A bearer token is required."),
            Self::InvalidToken => (S::UNAUTHORIZED, "invalid_token", "The token is invalid or has expired."),
            Self::InvalidCredentials => {
                (S::UNAUTHORIZED, "invalid_credentials", "The email or the password is wrong.")
            }
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "This needs superuser rights."),
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is nothing here."),
            Self::Validation => (S::UNPROCESSABLE_ENTITY, "validation_error", "Some values are not valid."),
            Self::RateLimited => {
                (S::TOO_MANY_REQUESTS, "rate_limited", "There were too many requests; try again later.")
            }
            Self::Internal => {
                (S::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side.")
            }
        }
    }
}

#[derive(Serialize)]
struct ErrorBody {
    success: bool,
    error: &'static str,
    message: &'static str,
    request_id: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, error, message) = self.parts();
        let request_id = match tokens::random() {
            Ok(id) => format!("{:032x}", u128::from_be_bytes(id)),
            Err(_) => String::new(),
        };
        let mut response =
            (status, Json(ErrorBody { success: false, error, message, request_id })).into_response();
        let headers = response.headers_mut();
        match self {
            Self::InvalidToken => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::Unauthorized | Self::InvalidCredentials => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::RateLimited => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            _ => {}
        }
        response
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::inside(error)
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(_)) => Err(Problem::Validation),
            Err(_) => Err(Problem::Malformed),
        }
    }
}
