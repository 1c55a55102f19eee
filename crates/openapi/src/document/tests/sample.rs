//! A small API as poem-openapi emits it, from its types to the documents.

#![allow(clippy::unused_async, reason = "poem-openapi takes async functions only")]

use std::collections::HashSet;

use poem_openapi::{
    ApiResponse, Enum, LicenseObject, Object, OpenApi, OpenApiService, SecurityScheme, Tags,
    auth::Bearer,
    param::{Header, Path, Query},
    payload::Json,
    registry::{MetaResponse, MetaResponses, Registry},
};
use serde_json::{Value, json};

use super::{Config, Documents, IMPLIED, catalogue, from_spec, keys, newest, older};
use crate::ApiDescription;
use crate::policy::Limit;

#[derive(Tags)]
enum Tag {
    /// Everything about things.
    Things,
}

#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "BearerAuth", bearer_format = "JWT")]
struct Auth(#[allow(dead_code)] Bearer);

/// How a thing looks.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum Colour {
    Red,
    Blue,
}

/// A thing.
#[derive(Object)]
#[oai(example)]
struct Thing {
    /// Its number.
    #[oai(validator(minimum(value = "1")))]
    id: u64,
    /// Its colour.
    colour: Colour,
    /// The colour it had before.
    #[oai(skip_serializing_if_is_none)]
    before: Option<Colour>,
}

impl poem_openapi::types::Example for Thing {
    fn example() -> Self {
        Self { id: 7, colour: Colour::Red, before: None }
    }
}

#[derive(ApiResponse)]
enum Created {
    /// The thing exists now.
    #[oai(status = 201)]
    Thing(
        Json<Thing>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
}

/// An error marker as the service's own types write it.
struct Conflict;

impl ApiResponse for Conflict {
    fn meta() -> MetaResponses {
        let response = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![],
            headers: vec![],
        };
        MetaResponses {
            responses: vec![response(409, "email_taken, last_superuser"), response(403, "forbidden")],
        }
    }

    fn register(_: &mut Registry) {}
}

impl From<Conflict> for poem::Error {
    fn from(_: Conflict) -> Self {
        Self::from_status(poem::http::StatusCode::CONFLICT)
    }
}

struct Reading;

#[OpenApi(tag = "Tag::Things")]
impl Reading {
    /// Read a thing
    ///
    /// Reads one thing by its number.
    #[oai(path = "/things/:id", method = "get", operation_id = "thing_get")]
    async fn get(&self, id: Path<i64>, quietly: Query<Option<bool>>) -> Json<Thing> {
        let _ = (id, quietly);
        Json(poem_openapi::types::Example::example())
    }
}

struct Writing;

#[OpenApi(tag = "Tag::Things")]
impl Writing {
    /// Replace a thing
    ///
    /// Replaces one thing.
    #[oai(path = "/things/:id", method = "put", operation_id = "thing_replace")]
    async fn replace(
        &self,
        _auth: Auth,
        id: Path<i64>,
        #[oai(name = "If-Match")] version: Header<Option<String>>,
        body: Json<Thing>,
    ) -> Result<Created, Conflict> {
        let _ = (id, version);
        Ok(Created::Thing(body, String::new()))
    }

    /// Is it alive?
    ///
    /// Answers while the process runs.
    #[oai(path = "/health/live", method = "get", operation_id = "health_live", tag = "Limit::Unlimited")]
    async fn live(&self) {}
}

fn documents() -> Documents {
    let license = LicenseObject::new("MIT OR Apache-2.0")
        .identifier("MIT OR Apache-2.0")
        .url("https://opensource.org/licenses/MIT");
    let service = OpenApiService::new(ApiDescription::<(Reading, Writing)>::default(), "Things", "1.0.0")
        .summary("Things, quickly.")
        .license(license);
    from_spec(&service.spec(), &catalogue()).unwrap()
}

#[test]
fn two_types_on_one_path_keep_all_operations() {
    let document = newest(&documents());
    assert_eq!(keys(&document["paths"]), ["/things/{id}", "/health/live"]);
    assert_eq!(keys(&document["paths"]["/things/{id}"]), ["get", "put"]);
}

#[test]
fn the_head_is_complete() {
    let documents = documents();
    let (newest, older) = (newest(&documents), older(&documents));
    assert_eq!(keys(&newest), ["openapi", "info", "servers", "tags", "paths", "components"]);
    assert_eq!(newest["openapi"], "3.1.0");
    assert_eq!(older["openapi"], "3.0.3");
    assert_eq!(newest["servers"], json!([{ "url": "/" }]));
    assert_eq!(
        newest["info"]["license"],
        json!({ "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" })
    );
    assert_eq!(older["info"]["license"]["url"], "https://opensource.org/licenses/MIT");
    assert_eq!(newest["info"]["summary"], "Things, quickly.");
    assert!(older["info"].get("summary").is_none(), "3.0 has no summary here");
    assert!(documents.json.ends_with("}\n") && documents.json_3_0.ends_with("}\n"));
}

#[test]
fn operations_have_one_shape() {
    let document = newest(&documents());
    let put = &document["paths"]["/things/{id}"]["put"];
    assert_eq!(
        keys(put),
        [
            "operationId",
            "tags",
            "summary",
            "description",
            "security",
            "parameters",
            "requestBody",
            "responses"
        ]
    );
    assert_eq!(put["security"], json!([{ "BearerAuth": [] }]));
    assert_eq!(document["paths"]["/health/live"]["get"]["security"], json!([]));
    let id = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "integer", "format": "int64" } });
    assert_eq!(put["parameters"][0], id);
    assert_eq!(put["parameters"][1]["name"], "If-Match");
    let thing = json!({ "id": 7, "colour": "red" });
    assert_eq!(put["requestBody"]["content"]["application/json"]["example"], thing);
    assert_eq!(put["responses"]["201"]["content"]["application/json"]["example"], thing);
    let location = json!({ "$ref": "#/components/headers/Location" });
    assert_eq!(put["responses"]["201"]["headers"]["Location"], location);
    assert_eq!(
        put["responses"]["201"]["headers"]["X-Request-Id"]["$ref"],
        "#/components/headers/X-Request-Id"
    );
}

#[test]
fn errors_follow_from_the_shape_of_an_operation() {
    let document = newest(&documents());
    let statuses = |path: &str, method: &str| keys(&document["paths"][path][method]["responses"]).join(" ");
    assert_eq!(statuses("/things/{id}", "get"), "200 400 422 429 500 503");
    assert_eq!(statuses("/things/{id}", "put"), "201 400 401 403 408 409 413 415 422 429 500 501 503");
    assert_eq!(statuses("/health/live", "get"), "200 400");
}

#[test]
fn an_error_response_shows_each_of_its_codes() {
    let document = newest(&documents());
    let responses = &document["paths"]["/things/{id}"]["put"]["responses"];
    let conflict = &responses["409"];
    assert_eq!(keys(conflict), ["description", "headers", "content"]);
    assert_eq!(conflict["description"], "Conflict: `email_taken` or `last_superuser`.");
    let content = &conflict["content"]["application/json"];
    assert_eq!(content["schema"], json!({ "$ref": "#/components/schemas/ErrorBody" }));
    assert_eq!(keys(&content["examples"]), ["email_taken", "last_superuser"]);
    assert_eq!(
        content["examples"]["email_taken"]["value"],
        json!({
            "success": false,
            "error": "email_taken",
            "message": "This email address is taken.",
            "request_id": "018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a",
        })
    );
    let invalid = &responses["422"]["content"]["application/json"]["examples"]["validation_error"]["value"];
    assert_eq!(keys(invalid), ["success", "error", "message", "details", "request_id"]);
    let header = |status: &str| keys(&responses[status]["headers"]).join(" ");
    let limit = "RateLimit-Limit RateLimit-Remaining RateLimit-Reset";
    assert_eq!(header("409"), format!("X-Request-Id {limit}"));
    assert_eq!(header("401"), format!("X-Request-Id WWW-Authenticate {limit}"));
    assert_eq!(header("503"), format!("X-Request-Id Retry-After {limit}"));
}

#[test]
fn the_error_body_is_a_schema_with_the_catalogue_as_its_codes() {
    let document = newest(&documents());
    let schemas = &document["components"]["schemas"];
    assert_eq!(keys(schemas), ["Colour", "ErrorBody", "ErrorCode", "ErrorDetails", "FieldProblem", "Thing"]);
    let codes = catalogue().iter().map(|case| case.code).collect::<Vec<_>>();
    assert_eq!(schemas["ErrorCode"]["enum"], json!(codes));
    assert_eq!(keys(&document["components"]), ["headers", "schemas", "securitySchemes"]);
    assert_eq!(schemas["ErrorBody"]["required"], json!(["success", "error", "message", "request_id"]));
}

#[test]
fn emitted_oddities_are_gone() {
    let documents = documents();
    let thing = &newest(&documents)["components"]["schemas"]["Thing"];
    assert_eq!(
        thing["properties"]["id"],
        json!({ "type": "integer", "format": "int64", "description": "Its number.", "minimum": 1 })
    );
    assert_eq!(thing["properties"]["before"], json!({ "$ref": "#/components/schemas/Colour" }));
    for text in [&documents.json, &documents.json_3_0, &documents.yaml] {
        for odd in ["charset", "uint64", "\"explode\"", "\"deprecated\"", "LOCATION"] {
            assert!(!text.contains(odd), "{odd}");
        }
    }
}

#[test]
fn yaml_says_the_same() {
    let documents = documents();
    let yaml: Value = serde_saphyr::from_str(&documents.yaml).unwrap();
    assert_eq!(yaml, newest(&documents));
    assert!(documents.yaml.starts_with("openapi: "), "{}", &documents.yaml[..40]);
    assert!(documents.yaml.contains("\"200\":") || documents.yaml.contains("'200':"), "a status is a string");
}

#[test]
fn the_same_types_give_the_same_text() {
    let texts: HashSet<_> = (0..3).map(|_| documents().json).collect();
    assert_eq!(texts.len(), 1);
}

#[test]
fn a_document_is_served_under_another_prefix_and_from_its_own_folder() {
    let under = |prefix: &str, server: &str| {
        let (catalogue, path_of) = (catalogue(), |path: &str| format!("{prefix}{path}"));
        let config = Config { catalogue: &catalogue, implied: IMPLIED, path_of: &path_of };
        let server = poem_openapi::ServerObject::new(server);
        let spec = OpenApiService::new(ApiDescription::<(Reading, Writing)>::default(), "Things", "1.0.0");
        Documents::from_spec(&spec.server(server).spec(), &config).unwrap()
    };
    let (served, expected) = (under("/api/v1", "/").served_under("/api/v1", "/v9"), under("/v9", "."));
    assert!(served.json == expected.json, "{}", served.json);
    assert!(served.yaml == expected.yaml, "{}", &expected.yaml[..200]);
    assert!(served.json_3_0 == expected.json_3_0, "{}", served.json_3_0);
}
