//! What handlers declare in places that poem-openapi leaves room for, taken out of an operation and said properly: its
//! policy (among the tags) and the role of its caller (among the security schemes).

use serde_json::{Map, Value};

use super::Problem;
use crate::api::policy::{Limit, Policy};

/// A security scheme of this name stands for a role, such as `role:superuser`: the guard's, not the document's.
const ROLE: &str = "role:";

/// Where the document names the role that a caller needs.
const REQUIRED_ROLE: &str = "x-required-role";

/// Where the document names the day from which on a deprecated operation may be gone.
const SUNSET: &str = "x-sunset";

/// What an operation declares.
pub(super) struct Declared {
    /// Whether a client may call it too often.
    pub limited: bool,
    /// Whether answers say when it ends.
    pub retired: bool,
    /// Whether a caller may be refused for lack of a role.
    pub restricted: bool,
}

pub(super) fn take(operation: &mut Map<String, Value>) -> Result<Declared, Problem> {
    let policy = take_policy(operation)?;
    if let Some(retirement) = &policy.retirement {
        operation.insert("deprecated".to_owned(), true.into());
        operation.insert(SUNSET.to_owned(), retirement.gone.to_string().into());
    }
    Ok(Declared {
        limited: policy.limit != Limit::Unlimited,
        retired: policy.retirement.is_some(),
        restricted: take_role(operation),
    })
}

fn take_policy(operation: &mut Map<String, Value>) -> Result<Policy, Problem> {
    let Some(tags) = operation.get_mut("tags").and_then(Value::as_array_mut) else {
        return Ok(Policy::default());
    };
    let policy = Policy::of(tags.iter().filter_map(Value::as_str))?;
    tags.retain(|tag| !tag.as_str().is_some_and(Policy::is_declaration));
    Ok(policy)
}

fn take_role(operation: &mut Map<String, Value>) -> bool {
    let Some(schemes) = operation.get_mut("security").and_then(Value::as_array_mut) else { return false };
    let role_of = |scheme: &Value| scheme.as_object()?.keys().next()?.strip_prefix(ROLE).map(str::to_owned);
    let role = schemes.iter().find_map(role_of);
    schemes.retain(|scheme| role_of(scheme).is_none());
    let restricted = role.is_some();
    if let Some(role) = role {
        operation.insert(REQUIRED_ROLE.to_owned(), role.into());
    }
    restricted
}
