//! HTTP only: routes, guards, extractors, errors, the document and its pages. poem is known here and nowhere below.

pub mod context;
pub mod errors;
pub mod events;
pub mod guards;
pub mod idempotency;
mod link_pages;
#[allow(clippy::unused_async, reason = "poem-openapi wants every operation async")]
pub mod v1;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use events::Events;
use groundwork_openapi::{ApiDescription, Config, DocumentError, Documents, ImpliedErrors, pages};
use groundwork_web::error::IMPLIED_ERRORS;
use groundwork_web::load_shedder::LoadShedder;
use groundwork_web::middleware::MiddlewareStack;
use groundwork_web::rate_limits::RateLimits;
use groundwork_web::request::AppState;
use groundwork_web::routes;
use groundwork_web::validation::{Formats, SchemaValidator};
use poem::endpoint::BoxEndpoint;
use poem::{Response, Route};
use poem_openapi::{ContactObject, LicenseObject, OpenApiService};
use v1::Operations;

use crate::domain::email::Email;
use crate::domain::email_prefix::EmailPrefix;
use crate::domain::password::Password;
use crate::services::auth::AuthService;

const TITLE: &str = "Groundwork";
const DESCRIPTION: &str = "A REST API for users and sessions.\n\n\
    Log in with `auth_login`, send the `access_token` as `Authorization: Bearer <token>`, and exchange the \
    `refresh_token` with `auth_refresh` before it expires. A service sends an API key instead (`api_keys_create`). \
    Samples for curl expect one of the two in `$TOKEN`. All errors have the body `ErrorBody`: `error` is a code for \
    programs, `message` is for people, and `request_id` identifies the request in the logs. Unknown fields of a body \
    are ignored, except privileged fields that the operation cannot set. Unknown query parameters are refused by \
    operations that have parameters. A `PATCH` is a merge patch (RFC 7396) and can also be sent as \
    `application/merge-patch+json`.";
const LICENSE: &str = "MIT OR Apache-2.0";
const CONTACT_URL: &str = "https://groundwork.example/support";

/// Rules of values that JSON Schema cannot express.
const FORMATS: Formats = Formats {
    published: &[
        ("email", |text| Email::parse_known(text).err().map(|error| error.to_string())),
        ("password", |text| Password::parse(text).err().map(|error| error.to_string())),
    ],
    query: &[("email", |text| EmailPrefix::parse(text).err().map(|error| error.to_string()))],
};

/// The codes that operations need not declare.
const IMPLIED: ImpliedErrors =
    ImpliedErrors { with_role: &["forbidden"], infallible: &["health_live"], ..IMPLIED_ERRORS };

/// What the API is made of.
pub struct Api {
    pub operations: Operations,
    /// Authenticates callers.
    pub auth: AuthService,
    /// The name of the service, for people.
    pub name: String,
    /// Where version 1 is served.
    pub prefix: String,
    /// Rate limits, if there are any.
    pub rate_limits: Option<RateLimits>,
    /// The limit of requests in flight.
    pub load_shedder: LoadShedder,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// Surrounds all routes.
    pub middleware: MiddlewareStack,
}

impl Api {
    /// All routes with all that surrounds them.
    ///
    /// # Errors
    /// When the document that the handlers declare cannot be completed.
    pub fn into_endpoint(self) -> Result<BoxEndpoint<'static, Response>, DocumentError> {
        let documents = Arc::new(served_documents(&self.prefix)?);
        let state = Arc::new(AppState {
            rate_limits: self.rate_limits,
            load_shedder: self.load_shedder,
            validator: SchemaValidator::new(Arc::clone(&documents), FORMATS),
            body_timeout: self.body_timeout,
            app_data: Box::new(self.auth),
        });
        let prefix = self.prefix.trim_matches('/');
        let pages = pages::routes(
            &documents,
            &pages::LoginConfig {
                login: &format!("{prefix}/auth/login"),
                logout: &format!("{prefix}/auth/logout"),
                scheme: "BearerAuth",
                storage_key: "groundwork.access_token",
            },
        );
        let pages = pages.into_iter().chain(link_pages::routes(&self.name, prefix));
        // One table for both: each further one would take the request apart again.
        let routes = pages.fold(Route::new(), |route, (path, page)| route.at(path, page));
        let resources = routes::resources(self.operations, &self.prefix, &state);
        let routes = resources.into_iter().fold(routes, |route, (path, resource)| route.at(path, resource));
        Ok(self.middleware.wrap(routes))
    }
}

/// The checked-in document, which a test proves equal to what the handlers declare.
const PUBLISHED: Documents = Documents {
    json: Cow::Borrowed(include_str!("../../openapi/groundwork.json")),
    yaml: Cow::Borrowed(include_str!("../../openapi/groundwork.yaml")),
    json_3_0: Cow::Borrowed(include_str!("../../openapi/groundwork-3.0.json")),
};

/// Code samples of the operations: `cargo xtask openapi samples` writes them.
const SAMPLES: &str = include_str!("../../openapi/samples.json");

/// The prefix of operations in the checked-in document.
pub const PUBLISHED_PREFIX: &str = "/api/v1";

/// The document of the API as the handlers declare it, with version 1 under `prefix`. It needs neither a server nor a
/// database.
///
/// # Errors
/// When the document that the handlers declare cannot be completed.
pub fn documents(prefix: &str) -> Result<Documents, DocumentError> {
    let license = LicenseObject::new(LICENSE).identifier(LICENSE).url("https://opensource.org/licenses/MIT");
    let service =
        OpenApiService::new(ApiDescription::<Operations>::default(), TITLE, env!("CARGO_PKG_VERSION"))
            .webhooks::<Events>()
            .description(DESCRIPTION)
            .server("/")
            .license(license)
            .contact(ContactObject::new().name("The Groundwork team").url(CONTACT_URL));
    let path_of = |path: &str| routes::full_path(prefix, path);
    let config = Config { catalogue: &errors::CATALOGUE, implied: IMPLIED, path_of: &path_of };
    let samples = SAMPLES.replace(&format!("{PUBLISHED_PREFIX}/"), &format!("{prefix}/"));
    Documents::with_samples(&service.spec(), &config, &samples)
}

/// The documents that the service answers with.
///
/// A debug build makes them from the code, so that a new operation works before its document is exported.
/// A release build has the checked-in ones: making them would take several times their size in memory.
fn served_documents(prefix: &str) -> Result<Documents, DocumentError> {
    if cfg!(debug_assertions) {
        return Ok(documents(PUBLISHED_PREFIX)?.served_under(PUBLISHED_PREFIX, prefix));
    }
    Ok(PUBLISHED.served_under(PUBLISHED_PREFIX, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_of_a_release_build_are_those_of_the_code() {
        let (published, declared) = (PUBLISHED, documents(PUBLISHED_PREFIX).unwrap());
        assert!(
            published.json == declared.json,
            "openapi/ is not what the code declares; run `cargo run -- openapi export` and commit openapi/"
        );
        assert!(published.yaml == declared.yaml && published.json_3_0 == declared.json_3_0);
    }

    #[test]
    fn another_prefix_moves_the_served_paths_as_it_moves_the_declared_ones() {
        let (served, declared) = (PUBLISHED.served_under(PUBLISHED_PREFIX, "/v9"), documents("/v9").unwrap());
        let from_folder = |text: &str| text.replacen("\"url\": \"/\"", "\"url\": \".\"", 1);
        assert!(served.json == from_folder(&declared.json));
        assert!(served.json_3_0 == from_folder(&declared.json_3_0));
        assert!(served.yaml == declared.yaml.replacen("- url: /\n", "- url: '.'\n", 1));
    }
}
