//! HTTP only: routes, guards, extractors, errors, the document and its pages. poem is known here and nowhere below.

mod arrivals;
pub mod document;
pub mod errors;
pub mod extract;
pub mod forwarded;
pub mod guards;
pub mod limits;
pub mod metrics;
pub mod middleware;
pub mod pages;
pub mod policy;
pub mod request;
pub mod respond;
pub mod routes;
pub mod rules;
pub mod server;
mod strict_json;
#[allow(clippy::unused_async, reason = "poem-openapi wants every operation async")]
pub mod v1;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::{Response, Route};
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{ContactObject, LicenseObject, OpenApi, OpenApiService};

use crate::services::auth::AuthService;
use crate::services::health::HealthService;
use crate::services::users::UserService;
use document::{DocumentError, Documents};
use extract::BodyTimeout;
use limits::{Admission, Limits};
use middleware::Stack;
use request::Served;
use rules::Rules;
use v1::auth::AuthApi;
use v1::health::{HealthApi, ServiceApi};
use v1::users::UsersApi;

/// Every operation, in the order of the document.
type Operations = (AuthApi, UsersApi, HealthApi, ServiceApi);

const TITLE: &str = "Groundwork";
const DESCRIPTION: &str = "A REST API for users and sessions.\n\n\
    Log in with `auth_login`, send the `access_token` as `Authorization: Bearer <token>`, and exchange the \
    `refresh_token` with `auth_refresh` before it expires. All errors have the body `ErrorBody`: `error` is a code for \
    programs, `message` is for people, and `request_id` identifies the request in the logs. Unknown fields of a body \
    are ignored, except privileged fields that the operation cannot set. Unknown query parameters are refused by \
    operations that have parameters. A `PATCH` is a merge patch (RFC 7396) and can also be sent as \
    `application/merge-patch+json`.";
const CONTACT_URL: &str = "https://groundwork.example/support";

/// What the API is made of.
pub struct Api {
    /// Sessions.
    pub auth: AuthService,
    /// Users.
    pub users: UserService,
    /// Dependencies.
    pub health: HealthService,
    /// The service's name.
    pub name: String,
    /// Where version 1 is served.
    pub prefix: String,
    /// How often operations may be called; `None` as often as anybody likes.
    pub limits: Option<Limits>,
    /// How many requests may be under way at once, and of how many more the body may be waited for.
    pub max_requests: usize,
    /// How many bodies may be waited for at once.
    pub max_arrivals: usize,
    /// How long a body may take to arrive.
    pub body_timeout: BodyTimeout,
    /// What surrounds the routes.
    pub stack: Stack,
}

impl Api {
    /// All routes with all that surrounds them.
    ///
    /// # Errors
    /// When the document that the handlers declare would break a client.
    pub fn into_endpoint(self) -> Result<BoxEndpoint<'static, Response>, DocumentError> {
        let documents = Arc::new(made_apart(&self.prefix)?);
        let rules = Rules::new(Arc::clone(&documents));
        let operations: Operations = (
            AuthApi { auth: self.auth.clone() },
            UsersApi { users: self.users },
            HealthApi { health: self.health },
            ServiceApi { name: self.name },
        );
        let served = Arc::new(Served {
            admission: Admission::new(self.limits, self.max_requests, self.max_arrivals),
            rules,
            auth: self.auth,
            body_timeout: self.body_timeout,
        });
        let pages = pages::docs_routes(&documents, &self.prefix);
        // One table for both: each further one would take the request apart again.
        let routes = pages.into_iter().fold(Route::new(), |route, (path, page)| route.at(path, page));
        let resources = routes::resources(operations, &self.prefix, &served);
        let routes = resources.into_iter().fold(routes, |route, (path, resource)| route.at(path, resource));
        Ok(self.stack.around(routes))
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
    Documents::from_spec(&service.spec(), &errors::catalogue(), |path| routes::full_path(prefix, path))
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
