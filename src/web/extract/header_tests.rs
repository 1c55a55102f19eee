//! Header parameters, from a sample operation to its document and its answers.

#![allow(clippy::unused_async, reason = "poem-openapi takes async functions only")]

use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, StatusCode};
use poem::{Body as Content, Endpoint, Request, Response, Route};
use poem_openapi::payload::PlainText;
use poem_openapi::{OpenApi, OpenApiService, Tags};
use serde_json::{Value, json};

use super::*;
use crate::api::document::{Config, Documents};
use crate::api::forwarded::TrustedProxies;
use crate::core::settings::ForwardedHeader;
use crate::web::error::{IMPLIED, describe_catalogue};
use crate::web::load_shedder::LoadShedder;
use crate::web::middleware::{AllowedOrigins, MiddlewareStack};
use crate::web::request::AppState;
use crate::web::routes;
use crate::web::validation::{Formats, SchemaValidator};

#[derive(Tags)]
enum Tag {
    /// Everything about things.
    Things,
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
        /// How many things come at once.
        #[oai(name = "X-Batch-Size", validator(minimum(value = "1"), maximum(value = "9")))]
        batch: Header<i64>,
        /// What to call them.
        #[oai(name = "X-Note", validator(max_length = 5))]
        note: Header<Option<String>>,
        /// What to leave out.
        quietly: Query<Option<bool>>,
    ) -> PlainText<String> {
        let _ = quietly;
        PlainText(format!("{} {}", batch.0, note.0.unwrap_or_default()))
    }
}

fn documents() -> Documents {
    let service = OpenApiService::new(Things, "Things", "1.0.0");
    let catalogue = describe_catalogue(&ErrorCode::BUILT_IN);
    let config = Config { catalogue: &catalogue, implied: IMPLIED, path_of: &str::to_owned };
    Documents::from_spec(&service.spec(), &config).unwrap()
}

fn app() -> BoxEndpoint<'static, Response> {
    let state = Arc::new(AppState {
        load_shedder: LoadShedder::new(None, 10, 10),
        validator: SchemaValidator::new(Arc::new(documents()), Formats::default()),
        body_timeout: Duration::from_mins(1),
        extension: Box::new(()),
    });
    let resources = routes::resources(Things, "", &state);
    let routes = resources.into_iter().fold(Route::new(), |route, (path, resource)| route.at(path, resource));
    let middleware = MiddlewareStack {
        proxies: TrustedProxies { networks: Vec::new(), header: ForwardedHeader::Either },
        cors_origins: AllowedOrigins::Listed(Vec::new()),
        request_timeout: Duration::from_mins(1),
    };
    middleware.wrap(routes)
}

/// The status and the body of the answer to these headers.
async fn answer(uri: &str, headers: &[(&str, &[u8])]) -> (StatusCode, String) {
    let mut request = Request::builder().uri_str(uri).header("host", "test").body(Content::empty());
    for (name, value) in headers {
        let name: poem::http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let response = app().call(request).await.unwrap();
    (response.status(), response.into_body().into_string().await.unwrap())
}

/// The fields and rules that the answer complains of.
async fn problems(uri: &str, headers: &[(&str, &[u8])]) -> Vec<(String, String)> {
    let (status, body) = answer(uri, headers).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let text = |field: &Value, key: &str| field[key].as_str().unwrap().to_owned();
    let fields = body["details"]["fields"].as_array().unwrap();
    fields.iter().map(|field| (text(field, "field"), text(field, "rule"))).collect()
}

#[tokio::test]
async fn a_header_reaches_its_handler_in_any_case_and_an_optional_one_may_be_missing() {
    assert_eq!(answer("/things", &[("x-batch-size", b"3")]).await, (StatusCode::OK, "3 ".to_owned()));
    let both: [(&str, &[u8]); 3] = [("X-BATCH-SIZE", b"9"), ("X-Note", b"hello"), ("X-Unknown", b"\xff")];
    assert_eq!(answer("/things", &both).await, (StatusCode::OK, "9 hello".to_owned()));
}

#[tokio::test]
async fn a_header_is_held_against_its_schema_like_any_parameter_and_all_problems_are_told_at_once() {
    let wrong: [(&str, &[u8]); 2] = [("x-batch-size", b"10"), ("x-note", b"too long")];
    let expected = [("X-Batch-Size", "maximum"), ("X-Note", "max_length"), ("quietly", "type")];
    let expected = expected.map(|(field, rule)| (field.to_owned(), rule.to_owned()));
    assert_eq!(problems("/things?quietly=perhaps", &wrong).await, expected);
    for (value, rule) in [("0", "minimum"), ("many", "type"), ("", "type"), ("1, 2", "type"), ("1.5", "type")]
    {
        let found = problems("/things", &[("x-batch-size", value.as_bytes())]).await;
        assert_eq!(found, [("X-Batch-Size".to_owned(), rule.to_owned())], "{value:?}");
    }
}

#[tokio::test]
async fn a_missing_a_repeated_and_an_unreadable_header_are_named() {
    let named = |name: &str, rule: &str| vec![(name.to_owned(), rule.to_owned())];
    assert_eq!(problems("/things", &[]).await, named("X-Batch-Size", "required"));
    let twice: [(&str, &[u8]); 2] = [("x-batch-size", b"1"), ("x-batch-size", b"1")];
    assert_eq!(problems("/things", &twice).await, named("X-Batch-Size", "repeated"));
    for odd in [&b"\xff"[..], b"\xc3\xa9", b"1\xff"] {
        assert_eq!(problems("/things", &[("x-batch-size", odd)]).await, named("X-Batch-Size", "characters"));
        let note: [(&str, &[u8]); 2] = [("x-batch-size", b"1"), ("x-note", odd)];
        assert_eq!(problems("/things", &note).await, named("X-Note", "characters"));
    }
}

#[test]
fn the_document_describes_a_header_with_its_rules() {
    let document: Value = serde_json::from_str(&documents().json).unwrap();
    let parameters = document["paths"]["/things"]["get"]["parameters"].as_array().unwrap();
    let header = |name: &str| parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
    assert_eq!(
        *header("X-Batch-Size"),
        json!({
            "name": "X-Batch-Size", "in": "header", "description": "How many things come at once.", "required": true,
            "schema": { "type": "integer", "format": "int64", "minimum": 1, "maximum": 9 },
        })
    );
    assert_eq!(header("X-Note")["in"], "header");
    assert_ne!(header("X-Note").get("required"), Some(&json!(true)));
    assert_eq!(header("X-Note")["schema"]["maxLength"], 5);
    let older: Value = serde_json::from_str(&documents().json_3_0).unwrap();
    assert_eq!(older["paths"]["/things"]["get"]["parameters"][0]["in"], "header");
}
