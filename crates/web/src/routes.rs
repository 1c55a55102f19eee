//! Routes of the operations that handlers declare, with 405 for other methods.

use std::collections::HashMap;
use std::sync::Arc;

use groundwork_openapi::ApiDescription;
use groundwork_openapi::policy::{Limit, Policy};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use poem_openapi::OpenApi;
use poem_openapi::registry::MetaOperation;

use super::compression::compress;
use super::conditions::Wanted;
use super::error::{ApiError, ErrorCode};
use super::idempotency::Replay;
use super::request::{AppState, RequestScope};

/// An operation of the document: a method on a path template.
#[derive(Debug)]
pub(crate) struct Operation {
    pub method: Method,
    /// The path as in the document, such as `/api/v1/users/{id}`.
    pub template: Arc<str>,
    /// What it declares beside its shape.
    pub policy: Policy,
}

/// Where RFC 8615 has resources of the whole origin.
const WELL_KNOWN: &str = "/.well-known/";

/// The path at which a declared path is served: everything except the root and `/.well-known/` is
/// below the prefix.
pub fn full_path(prefix: &str, path: &str) -> String {
    if path == "/" || path.starts_with(WELL_KNOWN) { path.to_owned() } else { format!("{prefix}{path}") }
}

/// The paths of all operations of `api`, and their endpoints.
pub fn resources<T: OpenApi>(api: T, prefix: &str, state: &Arc<AppState>) -> Vec<(String, Resource)> {
    let mut endpoints = HashMap::new();
    api.add_routes(&mut endpoints);
    let declared = ApiDescription::<T>::meta().into_iter().flat_map(|api| api.paths);
    let resources = declared.map(|path| {
        let template: Arc<str> = full_path(prefix, &path.path).into();
        let routed = routed(&path.path);
        let mut endpoints = endpoints.remove(&routed).unwrap_or_default();
        let operations = path.operations.into_iter().filter_map(|MetaOperation { method, tags, .. }| {
            let endpoint = endpoints.remove(&method)?;
            // The document refuses an invalid policy before this.
            let policy = Policy::of(tags).unwrap_or_default();
            Some((Arc::new(Operation { method, template: Arc::clone(&template), policy }), endpoint))
        });
        (full_path(prefix, &routed), Resource::new(operations.collect(), prefix.into(), Arc::clone(state)))
    });
    resources.collect()
}

impl Operation {
    /// The value of a path parameter, by its name in the document.
    pub(crate) fn path_value<'a>(&self, request: &'a Request, name: &str) -> Option<&'a str> {
        let place = parameter_names(&self.template).position(|known| known == name)?;
        request.raw_path_param(&routed_name(place))
    }
}

/// The names of the parameters in a template, in order.
fn parameter_names(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// The name of the n-th path parameter in poem-openapi's router, which numbers them.
fn routed_name(place: usize) -> String {
    format!("param{place}")
}

/// A declared path, `/users/{id}`, as poem-openapi routes it: `/users/:param0`.
fn routed(template: &str) -> String {
    let mut path = template.to_owned();
    for (place, name) in parameter_names(template).enumerate() {
        path = path.replace(&format!("{{{name}}}"), &format!(":{}", routed_name(place)));
    }
    path
}

/// All methods of one path.
pub struct Resource {
    operations: Vec<(Arc<Operation>, BoxEndpoint<'static>)>,
    allow: HeaderValue,
    prefix: Arc<str>,
    state: Arc<AppState>,
}

impl Resource {
    fn new(
        mut operations: Vec<(Arc<Operation>, BoxEndpoint<'static>)>,
        prefix: Arc<str>,
        state: Arc<AppState>,
    ) -> Self {
        operations.sort_by(|(a, _), (b, _)| a.method.as_str().cmp(b.method.as_str()));
        let mut allowed: Vec<&str> =
            operations.iter().map(|(operation, _)| operation.method.as_str()).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        let allow = HeaderValue::from_str(&allowed.join(", ")).unwrap_or(HeaderValue::from_static(""));
        Self { operations, allow, prefix, state }
    }

    /// A response in the form that the client wants.
    async fn complete(&self, wanted: &Wanted, mut response: Response) -> poem::Result<Response> {
        if let Some(path) = response.headers().get(header::LOCATION).and_then(|path| path.to_str().ok()) {
            let location = HeaderValue::try_from(full_path(&self.prefix, path));
            let location =
                location.map_err(|error| ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by(error))?;
            response.headers_mut().insert(header::LOCATION, location);
        }
        let response = compress(wanted, response).await;
        let response =
            response.map_err(|error| ApiError::from(ErrorCode::INTERNAL_ERROR).caused_by(error))?;
        Ok(wanted.replace_by_not_modified(response))
    }
}

impl Endpoint for Resource {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        // HEAD is GET without the content (RFC 9110, 9.3.2); hyper leaves the content out.
        let wanted = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let found = self.operations.iter().find(|(operation, _)| operation.method == wanted);
        let (operation, endpoint) = found.ok_or_else(|| ApiError::method_not_allowed(self.allow.clone()))?;
        let scope = RequestScope::get(&request)?;
        scope.operation.get_or_init(|| Arc::clone(operation));
        scope.state.get_or_init(|| Arc::clone(&self.state));
        // Health checks have no limits: a load balancer considers an instance dead that is too busy
        // to answer them, and moves its load to the others.
        if operation.policy.limit != Limit::Unlimited {
            if let Some(rate_limits) = &self.state.rate_limits {
                rate_limits.check(operation, scope, &request).await?;
            }
            self.state.load_shedder.admit(scope)?;
        }
        if let Some(malformed) = scope.malformed {
            return Err(ApiError::from(malformed).into());
        }
        let wanted = Wanted::by(&request);
        let response = match endpoint.call(request).await {
            Err(error) => error.downcast::<Replay>().map(IntoResponse::into_response)?,
            Ok(response) => response,
        };
        self.complete(&wanted, response).await
    }
}

#[cfg(test)]
#[allow(clippy::unused_async, reason = "poem-openapi wants every operation async")]
mod tests {
    use std::time::Duration;

    use groundwork_openapi::Documents;
    use groundwork_openapi::policy::Sunset;

    use super::*;
    use crate::load_shedder::LoadShedder;
    use crate::validation::{Formats, SchemaValidator};

    struct Things;

    #[OpenApi]
    impl Things {
        #[oai(path = "/things/:id", method = "get", tag = "Limit::Unlimited")]
        async fn get(&self) {}

        #[oai(path = "/things/:id", method = "delete", tag = "Sunset::<2026_12_01, 2027_06_30>::PLANNED")]
        async fn delete(&self) {}
    }

    #[test]
    fn what_a_handler_declares_belongs_to_its_method() {
        let documents = Documents { json: "".into(), yaml: "".into(), json_3_0: "".into() };
        let state = Arc::new(AppState {
            rate_limits: None,
            load_shedder: LoadShedder::new(1, 1),
            validator: SchemaValidator::new(Arc::new(documents), Formats::default()),
            body_timeout: Duration::ZERO,
            app_data: Box::new(()),
        });
        let (path, things) = resources(Things, "/v1", &state).remove(0);
        assert_eq!(
            (path.as_str(), &things.allow),
            ("/v1/things/:param0", &"DELETE, GET, HEAD".parse().unwrap())
        );
        let policy = |operation: &(Arc<Operation>, _)| {
            assert_eq!(&*operation.0.template, "/v1/things/{id}");
            operation.0.policy.clone()
        };
        let (delete, get) = (policy(&things.operations[0]), policy(&things.operations[1]));
        assert_eq!((get.limit, get.retirement.is_some()), (Limit::Unlimited, false));
        assert_eq!((delete.limit, delete.retirement.is_some()), (Limit::General, true));
    }

    #[test]
    fn a_declared_path_is_found_among_the_routed_ones() {
        assert_eq!(routed("/users/{id}/activate"), "/users/:param0/activate");
        assert_eq!(routed("/users/{user}/notes/{note}"), "/users/:param0/notes/:param1");
        assert_eq!(routed("/"), "/");
        assert_eq!(parameter_names("/users/{user}/notes/{note}").collect::<Vec<_>>(), ["user", "note"]);
    }
}
