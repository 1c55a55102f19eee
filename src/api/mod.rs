//! HTTP only: routes, guards, extractors, errors, the document and its pages. poem is known here and nowhere below.

pub mod context;
pub mod document;
pub mod errors;
pub mod guards;
pub mod pages;
pub mod policy;
pub mod strict_json;
#[allow(clippy::unused_async, reason = "poem-openapi wants every operation async")]
pub mod v1;

pub use groundwork_server as server;
pub use groundwork_server::client as forwarded;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::{Response, Route};
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{ContactObject, LicenseObject, OpenApi, OpenApiService};

use crate::core::email::Email;
use crate::core::email_prefix::EmailPrefix;
use crate::core::security::password::Password;
use crate::services::auth::AuthService;
use crate::services::health::HealthService;
use crate::services::users::UserService;
use crate::web::error::describe_catalogue;
use crate::web::load_shedder::LoadShedder;
use crate::web::middleware::MiddlewareStack;
use crate::web::request::AppState;
use crate::web::routes;
use crate::web::validation::{Formats, SchemaValidator};
use document::{DocumentError, Documents};
use v1::auth::AuthApi;
use v1::health::{HealthApi, ServiceApi};
use v1::users::UsersApi;

/// Every operation, in the order of the document.
type Operations = (AuthApi, UsersApi, HealthApi, ServiceApi);

const TITLE: &str = "Groundwork";
const DESCRIPTION: &str = "A REST API service: accounts, sessions and health.\n\n\
    Log in with `auth_login`, send the `access_token` as `Authorization: Bearer <token>`, and exchange the \
    `refresh_token` before it ends. Every error has one body, `ErrorBody`: programs read `error`, people read \
    `message`, and `request_id` names the request in the logs. Unknown fields of a body are ignored unless they \
    would mislead; an operation with parameters refuses unknown ones. A `PATCH` is a merge patch (RFC 7396) and may be sent \
    as `application/merge-patch+json` too.";
const CONTACT_URL: &str = "https://groundwork.example/support";

/// Rules of values that JSON Schema cannot express.
const FORMATS: Formats = Formats {
    published: &[
        ("email", |text| Email::parse_known(text).err().map(|error| error.to_string())),
        ("password", |text| Password::parse(text).err().map(|error| error.to_string())),
    ],
    query: &[("email", |text| EmailPrefix::parse(text).err().map(|error| error.to_string()))],
};

/// What the API is made of.
pub struct Api {
    /// Sessions.
    pub auth: AuthService,
    /// Accounts.
    pub users: UserService,
    /// Dependencies.
    pub health: HealthService,
    /// The service's name.
    pub name: String,
    /// Where version 1 is served.
    pub prefix: String,
    /// Admits requests to operations.
    pub load_shedder: LoadShedder,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// The middleware around all routes.
    pub middleware: MiddlewareStack,
}

impl Api {
    /// All routes with all that surrounds them.
    ///
    /// # Errors
    /// When the document that the handlers declare would break a client.
    pub fn into_endpoint(self) -> Result<BoxEndpoint<'static, Response>, DocumentError> {
        let documents = Arc::new(made_apart(&self.prefix)?);
        let validator = SchemaValidator::new(Arc::clone(&documents), FORMATS);
        let operations: Operations = (
            AuthApi { auth: self.auth.clone() },
            UsersApi { users: self.users },
            HealthApi { health: self.health },
            ServiceApi { name: self.name },
        );
        let state = Arc::new(AppState {
            load_shedder: self.load_shedder,
            validator,
            body_timeout: self.body_timeout,
            extension: Box::new(self.auth),
        });
        let pages = pages::docs_routes(&documents, &self.prefix);
        // One table for both: each further one would take the request apart again.
        let routes = pages.into_iter().fold(Route::new(), |route, (path, page)| route.at(path, page));
        let resources = routes::resources(operations, &self.prefix, &state);
        let routes = resources.into_iter().fold(routes, |route, (path, resource)| route.at(path, resource));
        Ok(self.middleware.wrap(routes))
    }
}

/// Where the operations of a published file are: at the root of a server.
const ROOT: &str = "/";

/// The folder of the document that was fetched: a relative address is resolved against the document's own (RFC 3986, 5.2;
/// OpenAPI 3.1, "Server Object"). It is the root of this service, also behind a proxy that serves it below a path.
const SAME_FOLDER: &str = ".";

/// The document of the API when version 1 is served under `prefix`. It needs neither a server nor a database.
///
/// # Errors
/// When what the handlers declare would break a client.
pub fn documents(prefix: &str) -> Result<Documents, DocumentError> {
    documents_for(prefix, ROOT)
}

fn documents_for(prefix: &str, server: &str) -> Result<Documents, DocumentError> {
    let license = LicenseObject::new("MIT OR Apache-2.0");
    let service = OpenApiService::new(Declared::<Operations>(PhantomData), TITLE, env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .server(server)
        .license(license)
        .contact(ContactObject::new().name("The Groundwork team").url(CONTACT_URL));
    Documents::from_spec(&service.spec(), &describe_catalogue(&errors::CATALOGUE), |path| {
        routes::full_path(prefix, path)
    })
}

/// The same as it is served, made on a thread of its own: making them takes several times the memory that they have, and what a thread of its own
/// gives back goes to the system. In the heap of this one it would stay: half of what an idle service has there.
fn made_apart(prefix: &str) -> Result<Documents, DocumentError> {
    std::thread::scope(|scope| {
        let made = scope.spawn(|| documents_for(prefix, SAME_FOLDER)).join();
        // A copy, so that nothing is left there.
        made.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map(|there| Documents {
            json: there.json.clone(),
            yaml: there.yaml.clone(),
            json_3_0: there.json_3_0.clone(),
        })
    })
}

/// What an API declares, without an instance of it.
struct Declared<T>(PhantomData<fn() -> T>);

impl<T: OpenApi> OpenApi for Declared<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}
