//! What handlers declare in places that poem-openapi leaves room for, moved to where OpenAPI has
//! it: the policy (among the tags), and the caller's roles and the scope of API keys (among the
//! security schemes).

use serde_json::{Map, Value};

use super::headers::IDEMPOTENCY_KEY;
use crate::policy::{Limit, Policy};

/// A security scheme with this prefix stands for a role, such as `role:superuser`.
const ROLE: &str = "role:";

/// A security scheme with this prefix stands for a scope, such as `scope:users:read`.
const SCOPE: &str = "scope:";

/// The security scheme of operations that accept no API key. Operations declare it beside the scheme
/// of their tokens; the document has `x-required-scope` instead.
pub const LOGIN_ONLY: &str = "credential:login";

/// Extension with the roles of which a caller needs one.
pub(super) const ALLOWED_ROLES: &str = "x-allowed-roles";

/// Extension with the scope that an API key needs.
pub(super) const REQUIRED_SCOPE: &str = "x-required-scope";

/// Extension with the day from which on a deprecated operation may be gone.
pub(super) const SUNSET: &str = "x-sunset";

/// What an operation declares beyond its shape.
pub(super) struct OperationTraits {
    pub policy: Policy,
    pub requires_role: bool,
    pub is_secured: bool,
    pub has_idempotency_key: bool,
}

impl OperationTraits {
    pub(super) fn is_rate_limited(&self) -> bool {
        self.policy.limit != Limit::Unlimited
    }
}

/// Takes the declarations out of the operation.
pub(super) fn take(operation: &mut Map<String, Value>) -> Result<OperationTraits, String> {
    let policy = take_policy(operation)?;
    if let Some(retirement) = &policy.retirement {
        operation.insert("deprecated".to_owned(), true.into());
        operation.insert(SUNSET.to_owned(), retirement.sunset.to_string().into());
    }
    let (roles, scopes) = (take_schemes(operation, ROLE), take_schemes(operation, SCOPE));
    let needs_login = !take_schemes(operation, LOGIN_ONLY).is_empty();
    describe(operation, &roles, scopes.first(), needs_login);
    let requires_role = !roles.is_empty();
    if requires_role {
        operation.insert(ALLOWED_ROLES.to_owned(), roles.into());
    }
    if let Some(scope) = scopes.into_iter().next() {
        operation.insert(REQUIRED_SCOPE.to_owned(), scope.into());
    }
    let is_secured = operation.get("security").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let has_idempotency_key = has_header(operation, IDEMPOTENCY_KEY);
    Ok(OperationTraits { policy, requires_role, is_secured, has_idempotency_key })
}

/// Says in the description who may call the operation.
fn describe(operation: &mut Map<String, Value>, roles: &[String], scope: Option<&String>, needs_login: bool) {
    let names: Vec<_> = roles.iter().map(|role| format!("`{role}`")).collect();
    let role = (!names.is_empty()).then(|| format!("Requires the role {}.", names.join(" or ")));
    let scope = scope.map(|scope| format!("An API key needs the scope `{scope}`."));
    let login = needs_login.then(|| "API keys are refused.".to_owned());
    let sentences: Vec<_> = role.into_iter().chain(scope).chain(login).collect();
    if sentences.is_empty() {
        return;
    }
    let own = operation.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
    let paragraphs: Vec<_> = own.map(str::to_owned).into_iter().chain([sentences.join(" ")]).collect();
    operation.insert("description".to_owned(), paragraphs.join("\n\n").into());
}

/// Whether the operation has this header as a parameter.
pub(super) fn has_header(operation: &Map<String, Value>, name: &str) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    parameters.filter(|parameter| parameter["in"] == "header").any(|parameter| parameter["name"] == name)
}

fn take_policy(operation: &mut Map<String, Value>) -> Result<Policy, String> {
    let Some(tags) = operation.get_mut("tags").and_then(Value::as_array_mut) else {
        return Ok(Policy::default());
    };
    let policy = Policy::of(tags.iter().filter_map(Value::as_str)).map_err(|error| error.to_string())?;
    tags.retain(|tag| !tag.as_str().is_some_and(Policy::is_declaration));
    Ok(policy)
}

/// Takes the security schemes with this prefix out of the operation, and returns the rest of their
/// names.
fn take_schemes(operation: &mut Map<String, Value>, prefix: &str) -> Vec<String> {
    let name_of = |scheme: &Value| scheme.as_object()?.keys().next()?.strip_prefix(prefix).map(str::to_owned);
    let Some(schemes) = operation.get_mut("security").and_then(Value::as_array_mut) else {
        return Vec::new();
    };
    let names = schemes.iter().filter_map(name_of).collect();
    schemes.retain(|scheme| name_of(scheme).is_none());
    names
}
