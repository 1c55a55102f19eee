//! Responses of success, typed by their status and by what a client may do with them.
//!
//! | Type | Status | |
//! |---|---|---|
//! | [`Resource`] | 200 | one resource, with an `ETag` |
//! | [`Created`] | 201 | a new resource, with its `Location` and an `ETag` |
//! | [`Ok200`] | 200 | what has no state of its own, such as a page of a list |
//! | [`Accepted`], [`AcceptedWithoutBody`] | 202 | what is under way |
//! | [`NoContent`] | 204 | nothing |
//! | [`SecretOk`], [`SecretCreated`] | 200, 201 | a token or a key: never compressed, never stored |

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use serde::{Deserialize, Serialize};

use super::compression::{Compressible, MIN_COMPRESSED};
use super::conditions;

/// Capacity for the headers which the middleware adds: reserving once is cheaper than growing.
const HEADERS: usize = 12;

/// A schema whose values have a path of their own.
pub trait Located {
    /// Where the value is, as a declared path: `/users/1`. The prefix of the API is added.
    fn path(&self) -> String;
}

/// Makes a schema with an `id` [`Located`] below a collection: `located!(OrderView, "/orders");`.
#[macro_export]
macro_rules! located {
    ($schema:ty, $collection:literal) => {
        impl $crate::responses::Located for $schema {
            fn path(&self) -> String {
                format!(concat!($collection, "/{}"), self.id)
            }
        }
    };
}

/// What a request was answered with, in a form that can be stored and given again. No response with
/// a secret becomes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl Answer {
    fn new(status: u16, body: String) -> Self {
        Self { status, location: None, etag: None, body: Some(body) }
    }

    fn without_body(status: StatusCode) -> Self {
        Self { status: status.as_u16(), location: None, etag: None, body: None }
    }

    fn failed() -> Self {
        Self::without_body(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn tagged(self) -> Self {
        let etag = self.body.as_deref().map(|body| conditions::tag_of(body.as_bytes()));
        Self { etag, ..self }
    }

    fn at(self, path: String) -> Self {
        Self { location: Some(path), ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let Some(body) = self.body else { return status.into_response() };
        let is_compressible = body.len() >= MIN_COMPRESSED;
        let mut response = Response::builder().status(status).body(body);
        if is_compressible {
            response.extensions_mut().insert(Compressible);
        }
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [(header::LOCATION, self.location), (header::ETAG, self.etag)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// Only a map with keys that are no strings cannot be written, and no schema has one.
fn written(body: &impl Serialize) -> Option<String> {
    serde_json::to_string(body).ok()
}

/// Declares a response with a JSON body of `T`, and the headers that it has.
macro_rules! response {
    ($name:ident, $status:literal, $headers:expr) => {
        impl<T> $name<T> {
            /// Wraps a body, or what becomes one.
            pub fn of(body: impl Into<T>) -> Self {
                Self(body.into())
            }
        }

        impl<T: Type> ApiResponse for $name<T>
        where
            Self: IntoResponse,
        {
            fn meta() -> MetaResponses {
                success($status, &$headers, json::<T>())
            }

            fn register(registry: &mut Registry) {
                T::register(registry);
            }
        }
    };
}

/// Declares a response without a body.
macro_rules! response_without_body {
    ($name:ident, $status:ident) => {
        impl From<$name> for Answer {
            fn from(_: $name) -> Self {
                Self::without_body(StatusCode::$status)
            }
        }

        impl IntoResponse for $name {
            fn into_response(self) -> Response {
                StatusCode::$status.into_response()
            }
        }

        impl ApiResponse for $name {
            fn meta() -> MetaResponses {
                success(StatusCode::$status.as_u16(), &[], Vec::new())
            }

            fn register(_: &mut Registry) {}
        }
    };
}

/// A success with a JSON body. It serializes straight to text; poem-openapi's `Json` builds a
/// `serde_json::Value` first.
pub struct Json<const STATUS: u16, T> {
    body: T,
    header: Option<(HeaderName, HeaderValue)>,
}

/// 200 with a body that has no entity tag.
pub type Ok200<T> = Json<200, T>;

/// 202 with what is under way.
pub type Accepted<T> = Json<202, T>;

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

/// An answer has no header of an operation's own: what has an idempotency key declares none.
impl<const STATUS: u16, T: Serialize> From<Json<STATUS, T>> for Answer {
    fn from(response: Json<STATUS, T>) -> Self {
        written(&response.body).map_or_else(Self::failed, |body| Self::new(STATUS, body))
    }
}

impl<const STATUS: u16, T: Serialize + Send> IntoResponse for Json<STATUS, T> {
    fn into_response(mut self) -> Response {
        let header = self.header.take();
        let mut response = Answer::from(self).into_response();
        response.headers_mut().extend(header);
        response
    }
}

impl<const STATUS: u16, T: Type> ApiResponse for Json<STATUS, T> {
    fn meta() -> MetaResponses {
        success(STATUS, &[], json::<T>())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 200 with one resource and its `ETag`: a GET that has the tag already is answered 304, and a
/// change can be made on the condition that the tag is still the resource's.
pub struct Resource<T>(T);

response!(Resource, 200, [header::ETAG]);

impl<T: Serialize> From<Resource<T>> for Answer {
    fn from(response: Resource<T>) -> Self {
        written(&response.0).map_or_else(Self::failed, |body| Self::new(200, body).tagged())
    }
}

impl<T: Serialize + Send> IntoResponse for Resource<T> {
    fn into_response(self) -> Response {
        Answer::from(self).into_response()
    }
}

/// 201 with the created resource, its `Location` and its `ETag`.
pub struct Created<T>(T);

response!(Created, 201, [header::LOCATION, header::ETAG]);

impl<T: Serialize + Located> From<Created<T>> for Answer {
    fn from(response: Created<T>) -> Self {
        let path = response.0.path();
        written(&response.0).map_or_else(Self::failed, |body| Self::new(201, body).tagged().at(path))
    }
}

impl<T: Serialize + Located + Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        Answer::from(self).into_response()
    }
}

/// 204 without a body.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

response_without_body!(NoContent, NO_CONTENT);

/// 202 without a body: what was asked for happens later.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedWithoutBody;

response_without_body!(AcceptedWithoutBody, ACCEPTED);

/// 200 with a token or a key. It is not compressed, because the length of what is compressed tells
/// of its content (BREACH), and it is no [`Answer`], so that it is not stored.
pub struct SecretOk<T>(T);

response!(SecretOk, 200, []);

impl<T: Serialize + Send> IntoResponse for SecretOk<T> {
    fn into_response(self) -> Response {
        secret(StatusCode::OK, &self.0)
    }
}

/// 201 with a resource and its token or key, as [`SecretOk`], and with its `Location`. It has no
/// `ETag`: the resource is shown without the secret from now on.
pub struct SecretCreated<T>(T);

response!(SecretCreated, 201, [header::LOCATION]);

impl<T: Serialize + Located + Send> IntoResponse for SecretCreated<T> {
    fn into_response(self) -> Response {
        let mut response = secret(StatusCode::CREATED, &self.0);
        if let Ok(path) = HeaderValue::try_from(self.0.path()) {
            response.headers_mut().insert(header::LOCATION, path);
        }
        response
    }
}

fn secret(status: StatusCode, body: &impl Serialize) -> Response {
    let Some(body) = written(body) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = Response::builder().status(status).content_type("application/json").body(body);
    response.headers_mut().reserve(HEADERS);
    response
}

fn json<T: Type>() -> Vec<MetaMediaType> {
    vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }]
}

/// The document describes the headers; here they are only named.
fn success(status: u16, headers: &[HeaderName], content: Vec<MetaMediaType>) -> MetaResponses {
    let headers = headers.iter().map(|name| MetaHeader {
        name: name.as_str().to_ascii_uppercase(),
        description: None,
        required: true,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    });
    let response = MetaResponse {
        description: "",
        status: Some(status),
        status_range: None,
        content,
        headers: headers.collect(),
    };
    MetaResponses { responses: vec![response] }
}
