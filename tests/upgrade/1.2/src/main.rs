//! An app on the crates of release 1.2: notes in SQLite behind one operation.

use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_auth::{TokenKeys, TokenSigner};
use groundwork_clock::Clock;
use groundwork_database::url::{DatabaseUrl, PoolMode};
use groundwork_database::{Connection, Database, DbError, PoolSize, on, prepared};
use groundwork_openapi::{ApiDescription, Config, Documents, ImpliedErrors};
use groundwork_server::Server;
use groundwork_server::client::{ForwardedHeader, TrustedProxies};
use groundwork_settings::Sources;
use groundwork_settings::check::{number, parsed};
use groundwork_state::rate_limit::{Quota, RateLimiter};
use groundwork_telemetry::LogFormat;
use groundwork_web::error::{ApiError, ErrorCode};
use groundwork_web::error_responses;
use groundwork_web::extract::Path;
use groundwork_web::failure::Failure;
use groundwork_web::hyper_service::hyper_service;
use groundwork_web::load_shedder::LoadShedder;
use groundwork_web::middleware::{AllowedOrigins, MiddlewareStack};
use groundwork_web::rate_limits::RateLimits;
use groundwork_web::request::AppState;
use groundwork_web::responses::Ok200;
use groundwork_web::routes;
use groundwork_web::validation::{Formats, SchemaValidator};
use ipnet::IpNet;
use poem::Route;
use poem_openapi::{OpenApi, OpenApiService, Tags};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

groundwork_settings::settings! {
    /// The settings of this app.
    pub struct Settings {
        /// The port to listen on.
        port: u16 = "PORT", default "8000", example "8000", number(1_u16, 65_535);

        /// The network of the proxies.
        proxies: IpNet = "PROXIES", default "10.0.0.0/8", example "10.0.0.0/8",
            parsed(IpNet::from_str);
    }
}

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

async fn find(c: &mut Connection, id: i64) -> Result<Option<String>, DbError> {
    let query = notes::table.find(id).select(notes::text);
    Ok(on!(c, |c| prepared(query).get_result(c)).optional()?)
}

error_responses! {
    NoteNotFound: 404 "not_found";
}

#[derive(Tags)]
enum Tag {
    /// Notes.
    Notes,
}

struct NotesApi {
    database: Database,
}

#[OpenApi(tag = "Tag::Notes")]
impl NotesApi {
    /// Get a note
    ///
    /// Returns its text.
    #[oai(path = "/notes/:id", method = "get", operation_id = "notes_get")]
    async fn get(
        &self,
        /// The note's id.
        id: Path<i64>,
    ) -> Result<Ok200<String>, Failure<NoteNotFound>> {
        let found = find(&mut self.database.read(), id.0).await;
        let text = found.map_err(|error| ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by(error))?;
        Ok(Ok200::of(text.ok_or(ApiError::from(ErrorCode::NOT_FOUND))?))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings: Settings = Sources::from_lookup(|_| None).read(|_, _| {})?;
    let _guard = groundwork_telemetry::init(&groundwork_telemetry::Config {
        log_level: "info".to_owned(),
        log_format: LogFormat::Json,
        own_crates: &["notes"],
        audit_target: "notes::audit",
        version: env!("CARGO_PKG_VERSION"),
        metrics: None,
        traces: None,
    })?;
    let clock = Clock::default();
    let key = SecretString::from("0123456789abcdef0123456789abcdef".to_owned());
    let _tokens = TokenSigner::new(TokenKeys { domain: "notes", current: &key, previous: &[] }, clock.clone());
    let database = Database::new(&groundwork_database::Config {
        url: DatabaseUrl::Sqlite(PathBuf::from("notes.db")),
        replica_urls: Vec::new(),
        pool_mode: PoolMode::Session,
        application_name: "notes".to_owned(),
        pool_size: PoolSize { min_idle: 1, max_size: 10 },
        pool_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(10),
        write_timeout: Duration::from_secs(15),
    })?;

    let implied = ImpliedErrors { always: &["malformed_request"], ..ImpliedErrors::default() };
    let service = OpenApiService::new(ApiDescription::<NotesApi>::default(), "Notes", "0.1.0");
    let config = Config { catalogue: &ErrorCode::BUILT_IN, implied, path_of: &str::to_owned };
    let documents = Arc::new(Documents::from_spec(&service.spec(), &config)?);
    let general = Quota::new("general", 60);
    let rate_limits =
        RateLimits { limiter: RateLimiter::new(None, clock), credentials: general.clone(), general };
    let state = Arc::new(AppState {
        rate_limits: Some(rate_limits),
        load_shedder: LoadShedder::new(100, 50),
        validator: SchemaValidator::new(documents, Formats::default()),
        body_timeout: Duration::from_secs(10),
        app_data: Box::new(()),
    });
    let resources = routes::resources(NotesApi { database }, "", &state);
    let routes = resources.into_iter().fold(Route::new(), |route, (path, resource)| route.at(path, resource));
    let middleware = MiddlewareStack {
        proxies: TrustedProxies {
            networks: vec![settings.proxies],
            header: ForwardedHeader::Either,
            setting: "PROXIES",
        },
        cors_origins: AllowedOrigins::Listed(Vec::new()),
        request_timeout: Duration::from_secs(15),
    };
    let endpoint = Arc::new(middleware.wrap(routes));
    let address = ([127, 0, 0, 1], settings.port).into();
    let server = Server::bind(address, groundwork_server::Config::default()).await?;
    server.serve(|connection| hyper_service(&endpoint, connection), CancellationToken::new()).await;
    Ok(())
}
