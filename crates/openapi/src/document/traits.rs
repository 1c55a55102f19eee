//! What handlers declare in places that poem-openapi leaves room for, moved to where OpenAPI has
//! it: the policy (among the tags) and the caller's role (among the security schemes).

use serde_json::{Map, Value};

use super::headers::IDEMPOTENCY_KEY;
use crate::policy::{Limit, Policy};

/// A security scheme with this prefix stands for a role, such as `role:superuser`.
const ROLE: &str = "role:";

/// Extension with the role that a caller needs.
pub(super) const REQUIRED_ROLE: &str = "x-required-role";

/// Extension with the day from which on a deprecated operation may be gone.
pub(super) const SUNSET: &str = "x-sunset";

/// What an operation declares beyond its shape.
pub(super) struct OperationTraits {
    pub policy: Policy,
    pub requires_role: bool,
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
    let role = take_role(operation);
    let requires_role = role.is_some();
    if let Some(role) = role {
        operation.insert(REQUIRED_ROLE.to_owned(), role.into());
    }
    let has_idempotency_key = has_header(operation, IDEMPOTENCY_KEY);
    Ok(OperationTraits { policy, requires_role, has_idempotency_key })
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

fn take_role(operation: &mut Map<String, Value>) -> Option<String> {
    let role_of = |scheme: &Value| scheme.as_object()?.keys().next()?.strip_prefix(ROLE).map(str::to_owned);
    let schemes = operation.get_mut("security")?.as_array_mut()?;
    let role = schemes.iter().find_map(role_of);
    schemes.retain(|scheme| role_of(scheme).is_none());
    role
}
