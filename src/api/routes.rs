//! From the operations that the handlers declare to routes: which template, which methods, and 405 for the rest.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, Request, Response, Route};
use poem_openapi::OpenApi;

use super::errors::Problem;
use super::request::RequestScope;

/// An operation of the document: a method on a path template.
#[derive(Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path as in the document, such as `/api/v1/users/{id}`.
    pub template: String,
}

/// Where a declared path is served: everything but the root is under the prefix of the version.
pub fn full_path(prefix: &str, path: &str) -> String {
    if path == "/" { path.to_owned() } else { format!("{prefix}{path}") }
}

/// Routes every operation of `api`.
pub fn routes<T: OpenApi>(api: T, prefix: &str) -> Route {
    let mut table = HashMap::new();
    api.add_routes(&mut table);
    let declared: HashMap<String, String> =
        T::meta().into_iter().flat_map(|api| api.paths).map(|path| (routed(&path.path), path.path)).collect();
    table.into_iter().fold(Route::new(), |route, (path, methods)| {
        let template = declared.get(&path).unwrap_or(&path);
        let resource = Resource::new(&full_path(prefix, template), methods);
        route.at(full_path(prefix, &path), resource)
    })
}

/// The names of the parameters in a template, in order.
pub fn parameter_names(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// What poem-openapi calls the parameter at this place of a path: it routes by places, not by names.
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
struct Resource {
    operations: Vec<(Arc<Operation>, BoxEndpoint<'static>)>,
    allow: HeaderValue,
}

impl Resource {
    fn new(template: &str, methods: HashMap<Method, BoxEndpoint<'static>>) -> Self {
        let mut operations: Vec<_> = methods
            .into_iter()
            .map(|(method, endpoint)| {
                (Arc::new(Operation { method, template: template.to_owned() }), endpoint)
            })
            .collect();
        operations.sort_by(|(a, _), (b, _)| a.method.as_str().cmp(b.method.as_str()));
        let mut allowed: Vec<&str> =
            operations.iter().map(|(operation, _)| operation.method.as_str()).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        let allow = HeaderValue::from_str(&allowed.join(", ")).unwrap_or(HeaderValue::from_static(""));
        Self { operations, allow }
    }
}

impl Endpoint for Resource {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        // HEAD is GET without the content (RFC 9110, 9.3.2); hyper leaves the content out.
        let wanted = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let found = self.operations.iter().find(|(operation, _)| operation.method == wanted);
        let (operation, endpoint) = found.ok_or_else(|| Problem::method_not_allowed(self.allow.clone()))?;
        if let Some(scope) = request.data::<RequestScope>() {
            scope.set_operation(operation);
        }
        endpoint.call(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_path_is_found_among_the_routed_ones() {
        assert_eq!(routed("/users/{id}/activate"), "/users/:param0/activate");
        assert_eq!(routed("/users/{user}/notes/{note}"), "/users/:param0/notes/:param1");
        assert_eq!(routed("/"), "/");
        assert_eq!(parameter_names("/users/{user}/notes/{note}").collect::<Vec<_>>(), ["user", "note"]);
    }
}
