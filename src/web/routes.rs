//! Routes of the operations that handlers declare, with 405 for other methods.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, Request, Response};
use poem_openapi::OpenApi;

use super::error::ApiError;
use super::request::{AppState, RequestScope};
use crate::api::policy::Policy;

/// An operation of the document: a method on a path template.
#[derive(Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path as in the document, such as `/api/v1/users/{id}`.
    pub template: Arc<str>,
    /// What it declares beside its shape.
    pub policy: Policy,
}

/// The path at which a declared path is served: everything except the root is below the prefix.
pub fn full_path(prefix: &str, path: &str) -> String {
    if path == "/" { path.to_owned() } else { format!("{prefix}{path}") }
}

/// The paths of all operations of `api`, and their endpoints.
pub fn resources<T: OpenApi>(api: T, prefix: &str, state: &Arc<AppState>) -> Vec<(String, Resource)> {
    let mut table = HashMap::new();
    api.add_routes(&mut table);
    let mut declared = policies_by_path::<T>();
    let resources = table.into_iter().map(|(path, methods)| {
        let PathPolicies { template, mut policies } = declared.remove(&path).unwrap_or_default();
        let template: Arc<str> = full_path(prefix, &template).into();
        let operations = methods.into_iter().map(|(method, endpoint)| {
            let policy = policies.remove(&method).unwrap_or_default();
            (Arc::new(Operation { method, template: Arc::clone(&template), policy }), endpoint)
        });
        (full_path(prefix, &path), Resource::new(operations.collect(), Arc::clone(state)))
    });
    resources.collect()
}

/// The policies of the operations at one path.
#[derive(Default)]
struct PathPolicies {
    template: String,
    policies: HashMap<Method, Policy>,
}

/// The policies that `T` declares, by the path as poem-openapi routes it.
fn policies_by_path<T: OpenApi>() -> HashMap<String, PathPolicies> {
    let mut declared: HashMap<String, PathPolicies> = HashMap::new();
    for path in T::meta().into_iter().flat_map(|api| api.paths) {
        let entry = declared.entry(routed(&path.path)).or_default();
        entry.policies.extend(path.operations.into_iter().map(|operation| {
            // The document refuses an invalid policy before this.
            (operation.method, Policy::of(operation.tags).unwrap_or_default())
        }));
        entry.template = path.path;
    }
    declared
}

/// The names of the parameters in a template, in order.
pub fn parameter_names(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// The name of the n-th path parameter in poem-openapi's router, which numbers them.
pub fn routed_name(place: usize) -> String {
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
    state: Arc<AppState>,
}

impl Resource {
    fn new(mut operations: Vec<(Arc<Operation>, BoxEndpoint<'static>)>, state: Arc<AppState>) -> Self {
        operations.sort_by(|(a, _), (b, _)| a.method.as_str().cmp(b.method.as_str()));
        let mut allowed: Vec<&str> =
            operations.iter().map(|(operation, _)| operation.method.as_str()).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        let allow = HeaderValue::from_str(&allowed.join(", ")).unwrap_or(HeaderValue::from_static(""));
        Self { operations, allow, state }
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
        scope.set_operation(operation);
        scope.set_state(&self.state);
        self.state.load_shedder.admit(operation, scope).await?;
        scope.check_well_formed()?;
        endpoint.call(request).await
    }
}

#[cfg(test)]
#[allow(clippy::unused_async, reason = "poem-openapi wants every operation async")]
mod tests {
    use super::*;
    use crate::api::policy::{Limit, Sunset};

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
        let things = policies_by_path::<Things>().remove("/things/:param0").unwrap();
        assert_eq!(things.template, "/things/{id}");
        let (get, delete) = (&things.policies[&Method::GET], &things.policies[&Method::DELETE]);
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
