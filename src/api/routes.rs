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
pub fn routes(api: impl OpenApi, prefix: &str) -> Route {
    let mut table = HashMap::new();
    api.add_routes(&mut table);
    table.into_iter().fold(Route::new(), |route, (path, methods)| {
        let path = full_path(prefix, &path);
        let resource = Resource::new(&document_template(&path), methods);
        route.at(path, resource)
    })
}

/// poem writes a parameter as `:id`, OpenAPI as `{id}`.
fn document_template(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
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
    fn parameters_are_written_as_in_the_document() {
        assert_eq!(document_template("/api/v1/users/:id/activate"), "/api/v1/users/{id}/activate");
        assert_eq!(document_template("/"), "/");
    }
}
