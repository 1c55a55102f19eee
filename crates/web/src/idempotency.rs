//! The header `Idempotency-Key`: a request that is sent again has its effect once, and is answered
//! as it was the first time. This module reads the header and gives stored answers; the app stores
//! them, in the transaction of the effect.

use aws_lc_rs::digest::{Context, SHA256};
use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::error::{ApiError, ErrorCode};
use super::extract;
use super::request::RequestScope;
use super::responses::Answer;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A request with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRequest {
    /// The client's name for it: 1 to 255 printable characters of ASCII.
    pub key: String,
    /// The operation: its method and its path template.
    pub operation: String,
    /// A hash of the path, the query and the body. A request with the same key and another
    /// fingerprint is another one.
    pub fingerprint: [u8; 32],
}

/// The key of a request, if it has one. It comes after the body among a handler's arguments, because
/// the fingerprint includes it.
pub struct IdempotencyKey(pub Option<KeyedRequest>);

impl<'a> ApiExtractor<'a> for IdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some(
                "Names this request, such as a UUID. A request that is sent again with its key has its effect \
                 once: for 24 hours, it gets the first answer.",
            ),
            min_length: Some(1),
            max_length: Some(255),
            pattern: Some("^[ -~]*$".to_owned()),
            example: Some("7f9c2ba4-e88f-4d2a-9b1e-0c5d3f6a8e71".into()),
            ..MetaSchema::new("string")
        })))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let key = extract::header_value(request, &IDEMPOTENCY_KEY)?;
        Ok(Self(match key {
            Some(key) => Some(KeyedRequest::new(request, key)?),
            None => None,
        }))
    }
}

impl KeyedRequest {
    fn new(request: &Request, key: &str) -> Result<Self, ApiError> {
        let scope = RequestScope::get(request)?;
        let operation = scope.operation.get().ok_or(ErrorCode::INTERNAL_ERROR)?;
        let mut fingerprint = Context::new(&SHA256);
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        fingerprint.update(target.as_bytes());
        // No target contains it.
        fingerprint.update(&[0]);
        if let Some(body) = scope.keyed_body.get() {
            fingerprint.update(body);
        }
        let fingerprint = fingerprint.finish().as_ref().first_chunk().copied().unwrap_or_default();
        let operation = format!("{} {}", operation.method, operation.template);
        Ok(Self { key: key.to_owned(), operation, fingerprint })
    }
}

/// An answer that was given before, in place of doing the work again.
#[derive(Debug, thiserror::Error)]
#[error("answered before")]
pub struct Replay(Box<Answer>);

impl Replay {
    /// Gives this answer again.
    pub fn of(answer: Answer) -> Self {
        Self(Box::new(answer))
    }
}

impl IntoResponse for Replay {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

/// Lets it travel through poem; the route makes the response.
impl ResponseError for Replay {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }
}
