//! Responses of success, typed by their status.

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

/// Capacity for the headers which the middleware adds: reserving once is cheaper than growing.
const HEADERS: usize = 12;

/// A success with a JSON body. It serializes straight to bytes; poem-openapi's `Json` builds a
/// `serde_json::Value` first.
pub struct Json<const STATUS: u16, T> {
    body: T,
    header: Option<(HeaderName, HeaderValue)>,
}

/// 200 with a body.
pub type Ok200<T> = Json<200, T>;

/// 202 with what is under way.
pub type Accepted<T> = Json<202, T>;

/// 201 with the created resource.
pub type Created<T> = Json<201, T>;

impl<const STATUS: u16, T> Json<STATUS, T> {
    /// Wraps a body, or what becomes one.
    pub fn of(body: impl Into<T>) -> Self {
        Self { body: body.into(), header: None }
    }

    /// Adds a header, which the operation has to declare as a `response_header`.
    #[must_use]
    pub fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

impl<const STATUS: u16, T: Serialize + Send> IntoResponse for Json<STATUS, T> {
    fn into_response(self) -> Response {
        // Only a map with keys that are no strings cannot be written, and no schema has one.
        let Ok(body) = serde_json::to_vec(&self.body) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
        let mut response = Response::builder().status(status).body(body);
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(self.header);
        response
    }
}

impl<const STATUS: u16, T: Type> ApiResponse for Json<STATUS, T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        success(STATUS, content)
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204 without a body.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        success(StatusCode::NO_CONTENT.as_u16(), Vec::new())
    }

    fn register(_: &mut Registry) {}
}

/// 202 without a body: what was asked for happens later.
pub struct AcceptedWithoutBody;

impl IntoResponse for AcceptedWithoutBody {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

impl ApiResponse for AcceptedWithoutBody {
    fn meta() -> MetaResponses {
        success(StatusCode::ACCEPTED.as_u16(), Vec::new())
    }

    fn register(_: &mut Registry) {}
}

fn success(status: u16, content: Vec<MetaMediaType>) -> MetaResponses {
    let response = MetaResponse {
        description: "",
        status: Some(status),
        status_range: None,
        content,
        headers: Vec::new(),
    };
    MetaResponses { responses: vec![response] }
}
