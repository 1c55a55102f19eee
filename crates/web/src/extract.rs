//! Extractors of bodies and parameters, which are validated against the document first.

use std::io;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use groundwork_openapi::strict_json;
use groundwork_telemetry::context::printable;
use groundwork_values::Json;
use poem::http::{HeaderName, Method, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaParamIn, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, ParseFromParameter};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use super::error::{ApiError, ErrorCode, FieldError};
use super::idempotency::IDEMPOTENCY_KEY;
use super::pending_bodies::PendingBody;
use super::request::RequestScope;

/// The size limit of a body, in bytes: 1 MiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How many errors a response lists: 1 MiB has room for a hundred thousand.
const MAX_ERRORS: usize = 32;

/// How many characters of a field's path, and of each name in it, a response repeats.
const MAX_PATH: usize = 128;

/// The rule that a text breaks which contains NUL.
const NUL_RULE: &str = "characters";

/// What a body may be checked for beyond its schema.
pub trait RequestSchema: ParseFromJSON {
    /// Fields that are refused although unknown fields are ignored, because a client that sends
    /// them would wrongly believe that it changed them.
    const REFUSED: &'static [&'static str] = &[];

    /// Fields that are a [`Json`]: no schema states its size.
    const JSON: &'static [&'static str] = &[];

    /// Checks rules that the schema does not state.
    fn check(_body: &Map<String, Value>) -> Vec<FieldError> {
        Vec::new()
    }
}

/// Makes schemas bodies of requests, with the fields that they refuse and those that are a [`Json`]:
/// `request_schema!(OrderCreate, OrderUpdate; refused: ["id", "user_id"]; json: ["details"]);`.
#[macro_export]
macro_rules! request_schema {
    ($($schema:ty),+; refused: $refused:expr) => {
        $crate::request_schema!($($schema),+; refused: $refused; json: []);
    };
    ($($schema:ty),+; refused: $refused:expr; json: $json:expr) => {
        $(impl $crate::extract::RequestSchema for $schema {
            const REFUSED: &'static [&'static str] = &$refused;
            const JSON: &'static [&'static str] = &$json;
        })+
    };
}

/// A JSON body of a schema.
pub struct Body<T>(pub T);

impl<'a, T: RequestSchema> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        check_declared_length(request)?;
        check_media_type(request)?;
        let bytes = read(request, body).await?;
        if request.headers().contains_key(&IDEMPOTENCY_KEY) {
            RequestScope::get(request)?.keyed_body.get_or_init(|| bytes.clone());
        }
        let value = parse(&bytes)?;
        let mut problems =
            RequestScope::get(request)?.state()?.validator.check_body(&T::name(), &value).ok_or_else(
                || ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by("a body without a schema"),
            )?;
        if let Value::Object(fields) = &value {
            let refused = T::REFUSED.iter().filter(|field| fields.contains_key(**field));
            problems.extend(refused.map(|field| FieldError::new(*field, "refused", "cannot be set here")));
            let bounded = T::JSON.iter().filter_map(|field| Some((*field, fields.get(*field)?.as_object()?)));
            problems.extend(bounded.filter_map(|(field, object)| {
                let error = Json::try_from(object.clone()).err()?;
                Some(FieldError::new(field, "max_bytes", error.to_string()))
            }));
            // One error per field: the schema's comes first.
            let is_reported =
                |field: &str| problems.iter().any(|problem: &FieldError| problem.field == field);
            let more: Vec<_> =
                T::check(fields).into_iter().filter(|problem| !is_reported(&problem.field)).collect();
            problems.extend(more);
        }
        find_nul(&value, &mut Vec::new(), &mut problems);
        if !problems.is_empty() {
            return Err(ApiError::fields(&problems).into());
        }
        let parsed = T::parse_from_json(Some(value));
        Ok(parsed.map(Self).map_err(|error| {
            // The schema should have refused it; it is still the client's error.
            ApiError::field("body", "format", "is not valid").caused_by(error.into_message())
        })?)
    }
}

/// Refuses a body by its declared length before it is read. Others are counted while they are read.
fn check_declared_length(request: &Request) -> Result<(), ApiError> {
    let declared = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(ErrorCode::PAYLOAD_TOO_LARGE.into());
    }
    Ok(())
}

/// Accepts `application/json`, and for PATCH also `application/merge-patch+json`, which means the
/// same here (RFC 7396). Other JSON formats are refused, because their fields would be misread:
/// JSON:API nests them, so that a PATCH would change nothing. The charset must be UTF-8, the only
/// one of JSON (RFC 8259, 8.1).
fn check_media_type(request: &Request) -> Result<(), ApiError> {
    let mut values = request.headers().get_all(header::CONTENT_TYPE).iter();
    let value = values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok());
    let mut parts = value.unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_patch = request.method() == Method::PATCH;
    let accepted =
        if is_patch { "application/json, application/merge-patch+json" } else { "application/json" };
    let is_accepted = accepted.split(", ").any(|accepted| accepted.eq_ignore_ascii_case(essence));
    let utf8 = parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if is_accepted && utf8 { Ok(()) } else { Err(ApiError::unsupported_media_type(accepted, is_patch)) }
}

async fn read(request: &Request, body: &mut RequestBody) -> Result<Bytes, ApiError> {
    let scope = RequestScope::get(request)?;
    let state = scope.state()?;
    let body = body.take().map_err(|error| ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by(error))?;
    let mut chunks = pin!(body.into_bytes_stream());
    let mut bytes = BytesMut::new();
    let receive = async |pending: &PendingBody<'_>| {
        let arriving = async {
            while let Some(chunk) = chunks.next().await {
                append(&mut bytes, chunk)?;
                pending.has_grown_to(bytes.len());
            }
            Ok(())
        };
        let arrived = tokio::time::timeout(state.body_timeout, arriving).await;
        arrived.unwrap_or_else(|_| Err(ErrorCode::REQUEST_TIMEOUT.into()))
    };
    state.load_shedder.without_permit(scope, receive).await?;
    Ok(bytes.freeze())
}

/// Copies a chunk: it may be a small part of a large buffer, which it would keep alive.
fn append(bytes: &mut BytesMut, chunk: io::Result<Bytes>) -> Result<(), ApiError> {
    let chunk = chunk.map_err(|error| {
        ApiError::from(ErrorCode::MALFORMED_REQUEST)
            .with_message("The body did not arrive whole.")
            .caused_by(error)
    })?;
    if bytes.len() + chunk.len() > MAX_BODY_BYTES {
        return Err(ErrorCode::PAYLOAD_TOO_LARGE.into());
    }
    bytes.extend_from_slice(&chunk);
    Ok(())
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    strict_json::read(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        ApiError::from(ErrorCode::MALFORMED_REQUEST)
            .with_message(format!("The body is not valid JSON at {place}."))
            .caused_by(error)
    })
}

/// Refuses NUL, which PostgreSQL cannot store and which ends a text for some readers. Field names
/// are the client's, so their number and length in the response are bounded.
fn find_nul(value: &Value, path: &mut Vec<String>, problems: &mut Vec<FieldError>) {
    if problems.len() >= MAX_ERRORS {
        return;
    }
    match value {
        Value::String(text) if text.contains('\0') => {
            let field = printable(&path.join("."), MAX_PATH);
            let is_reported = |problem: &FieldError| problem.field == field && problem.rule != NUL_RULE;
            if !problems.iter().any(is_reported) {
                problems.push(FieldError::new(field, NUL_RULE, "must not contain NUL"));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                find_nul(item, path, problems);
                path.pop();
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                path.push(printable(name, MAX_PATH));
                if name.contains('\0') && problems.len() < MAX_ERRORS {
                    let field = printable(&path.join("."), MAX_PATH);
                    problems.push(FieldError::new(field, NUL_RULE, "must not have NUL in its name"));
                }
                find_nul(field, path, problems);
                path.pop();
            }
        }
        _ => {}
    }
}

/// A parameter of the query string.
pub struct Query<T>(pub T);

/// A parameter of the path.
pub struct Path<T>(pub T);

/// A header of the request, given at most once. Its name is compared without case (RFC 9110, 5.1).
pub struct Header<T>(pub T);

/// Implements an extractor of parameters in `$place`.
macro_rules! parameter {
    ($name:ident, $place:expr) => {
        impl<'a, T: ParseFromParameter> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
            const PARAM_IS_REQUIRED: bool = T::IS_REQUIRED;
            type ParamType = T;
            type ParamRawType = T::RawValueType;

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn param_in() -> Option<MetaParamIn> {
                Some($place)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(T::schema_ref())
            }

            fn param_raw_type(&self) -> Option<&Self::ParamRawType> {
                self.0.as_raw_value()
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                options: ExtractParamOptions<T>,
            ) -> poem::Result<Self> {
                let value = parameter_value(request, $place, options.name)?;
                if let (None, Some(default)) = (value, options.default_value) {
                    return Ok(Self(default()));
                }
                let parsed = T::parse_from_parameters(value);
                Ok(parsed.map(Self).map_err(|error| {
                    ApiError::field(options.name, "format", reason_in(&error.into_message()))
                })?)
            }
        }
    };
}

parameter!(Query, MetaParamIn::Query);
parameter!(Path, MetaParamIn::Path);
parameter!(Header, MetaParamIn::Header);

/// The value of a parameter. The check has refused a repeated name in the query, and a header that
/// is repeated or not text.
fn parameter_value<'a>(
    request: &'a Request,
    place: MetaParamIn,
    name: &str,
) -> Result<Option<&'a str>, ApiError> {
    let query = checked_parameters(request)?;
    Ok(match place {
        MetaParamIn::Query => query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()),
        // `name` is the router's, not the document's.
        MetaParamIn::Path => request.raw_path_param(name),
        _ => request.headers().get(name).and_then(|value| value.to_str().ok()),
    })
}

/// The value of a header that is a parameter of the operation.
pub(crate) fn header_value<'a>(request: &'a Request, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    parameter_value(request, MetaParamIn::Header, name.as_str())
}

/// The reason alone: poem-openapi puts a type's name before it, as in `failed to parse "name":
/// reason`.
fn reason_in(message: &str) -> &str {
    let reason = message.split_once("\": ").map_or(message, |(_, reason)| reason);
    reason.split_once(" (occurred while parsing ").map_or(reason, |(reason, _)| reason)
}

/// The query's parameters. The first extractor of any parameter validates all of them, so that one
/// error does not hide the others.
fn checked_parameters(request: &Request) -> Result<&[(String, String)], ApiError> {
    let scope = RequestScope::get(request)?;
    if let Some(query) = scope.query.get() {
        return Ok(query);
    }
    let operation = scope.operation.get().ok_or(ErrorCode::INTERNAL_ERROR)?;
    let query = scope.query.get_or_init(|| request.params().unwrap_or_default());
    let problems =
        scope.state()?.validator.check_parameters(operation, query, request).ok_or_else(|| {
            ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by("an operation without rules")
        })?;
    if problems.is_empty() { Ok(query) } else { Err(ApiError::fields(&problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_twice_in_one_object_is_malformed() {
        assert!(parse(br#"{"a": 1, "b": {"a": 2}}"#).is_ok());
        assert!(parse(br#"{"a": 1, "a": 2}"#).is_err());
        assert!(parse(br#"[{"a": {"b": 1, "b": 1}}]"#).is_err());
    }

    #[test]
    fn deep_broken_and_foreign_texts_are_malformed() {
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        for text in [&b""[..], b"{", b"{\"a\": \"\xff\"}", b"{} {}", b"NaN", b"'a'"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn nul_is_found_wherever_it_hides() {
        let mut problems = Vec::new();
        find_nul(&serde_json::json!({"a": [{"b": "x\0"}], "c": "fine"}), &mut Vec::new(), &mut problems);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].field, "a.0.b");
    }
}
