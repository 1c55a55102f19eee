//! A small API behind all middleware, as its clients see it.

#![allow(clippy::unused_async, reason = "poem-openapi takes async functions only")]
#![allow(clippy::unwrap_used, clippy::missing_docs_in_private_items, reason = "a test")]

mod bodies;
mod errors;
mod load_shedding;
mod parameters;

use std::sync::Arc;
use std::time::Duration;

use groundwork_openapi::policy::Limit;
use groundwork_openapi::{Config, Documents};
use groundwork_server::client::{ForwardedHeader, TrustedProxies};
use groundwork_web::error::{ApiError, ErrorCode, FieldError, IMPLIED_ERRORS};
use groundwork_web::extract::{Body, Header, Query, RequestSchema};
use groundwork_web::failure::Failure;
use groundwork_web::load_shedder::LoadShedder;
use groundwork_web::middleware::{AllowedOrigins, MiddlewareStack};
use groundwork_web::rate_limits::RateLimits;
use groundwork_web::request::AppState;
use groundwork_web::responses::{Created, Located, NoContent};
use groundwork_web::routes;
use groundwork_web::validation::{Formats, SchemaValidator};
use poem::endpoint::BoxEndpoint;
use poem::{Body as Content, Endpoint, Request, Response, Route};
use poem_openapi::payload::PlainText;
use poem_openapi::{Object, OpenApi, OpenApiService, Tags};
use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Tags)]
enum Tag {
    /// Everything about things.
    Things,
}

/// A thing.
#[derive(Debug, Object, Serialize)]
struct Thing {
    /// Its name.
    #[oai(validator(min_length = 1, max_length = 8))]
    name: String,
    /// How many there are.
    count: Option<i32>,
}

impl Located for Thing {
    fn path(&self) -> String {
        format!("/things/{}", self.name)
    }
}

impl RequestSchema for Thing {
    const REFUSED: &'static [&'static str] = &["id"];

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        let is_odd = body.get("count").and_then(Value::as_i64).is_some_and(|count| count % 2 == 1);
        is_odd.then(|| FieldError::new("count", "even", "must be even")).into_iter().collect()
    }
}

struct Things;

#[OpenApi(tag = "Tag::Things")]
impl Things {
    /// List things
    ///
    /// Lists things as its headers ask for them.
    #[oai(path = "/things", method = "get", operation_id = "things_list")]
    async fn list(
        &self,
        /// The number of things in a batch.
        #[oai(name = "X-Batch-Size", validator(minimum(value = "1"), maximum(value = "9")))]
        batch: Header<i64>,
        /// Their name.
        #[oai(name = "X-Note", validator(max_length = 5))]
        note: Header<Option<String>>,
        /// Whether to omit details.
        quietly: Query<Option<bool>>,
    ) -> PlainText<String> {
        let _ = quietly;
        PlainText(format!("{} {}", batch.0, note.0.unwrap_or_default()))
    }

    /// Create a thing
    ///
    /// Returns the thing.
    #[oai(path = "/things", method = "post", operation_id = "things_create")]
    async fn create(&self, thing: Body<Thing>) -> Result<Created<Thing>, Failure> {
        Ok(Created::of(thing.0))
    }

    /// Fail
    ///
    /// Fails with a cause.
    #[oai(path = "/broken", method = "get", operation_id = "things_break")]
    async fn break_down(&self) -> Result<NoContent, Failure> {
        Err(ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by("the secret cause").into())
    }

    /// Check liveness
    ///
    /// Has no limit.
    #[oai(path = "/live", method = "get", operation_id = "things_live", tag = "Limit::Unlimited")]
    async fn live(&self) -> NoContent {
        NoContent
    }
}

fn documents() -> Documents {
    let service = OpenApiService::new(Things, "Things", "1.0.0");
    let config = Config { catalogue: &ErrorCode::BUILT_IN, implied: IMPLIED_ERRORS, path_of: &str::to_owned };
    Documents::from_spec(&service.spec(), &config).unwrap()
}

/// The API within these limits.
fn app(
    rate_limits: Option<RateLimits>,
    load_shedder: LoadShedder,
    body_timeout: Duration,
) -> BoxEndpoint<'static, Response> {
    let state = Arc::new(AppState {
        rate_limits,
        load_shedder,
        validator: SchemaValidator::new(Arc::new(documents()), Formats::default()),
        body_timeout,
        app_data: Box::new(()),
    });
    let resources = routes::resources(Things, "", &state);
    let routes = resources.into_iter().fold(Route::new(), |route, (path, resource)| route.at(path, resource));
    let middleware = MiddlewareStack {
        proxies: TrustedProxies { networks: Vec::new(), header: ForwardedHeader::Either, setting: "PROXIES" },
        cors_origins: AllowedOrigins::Listed(Vec::new()),
        request_timeout: Duration::from_mins(1),
    };
    middleware.wrap(routes)
}

/// The API without limits that a test reaches.
fn unlimited() -> BoxEndpoint<'static, Response> {
    app(None, LoadShedder::new(10, 10), Duration::from_mins(1))
}

fn get(path: &str) -> Request {
    Request::builder().uri_str(path).header("host", "test").finish()
}

/// A request that creates a thing.
fn post(media_type: &str, content: Content) -> Request {
    let request = Request::builder().method(poem::http::Method::POST).uri_str("/things");
    request.header("host", "test").content_type(media_type).body(content)
}

/// The status and the JSON body of a response.
async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.into_body().into_string().await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or_default())
}

/// The fields and rules that a validation error names.
fn broken_rules(body: &Value) -> Vec<(String, String)> {
    let text = |field: &Value, key: &str| field[key].as_str().unwrap().to_owned();
    let fields = body["details"]["fields"].as_array().unwrap();
    fields.iter().map(|field| (text(field, "field"), text(field, "rule"))).collect()
}

/// The response to a request, read.
async fn send(request: Request) -> (u16, Value) {
    read(unlimited().get_response(request).await).await
}
