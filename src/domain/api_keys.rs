//! The values of API keys.

use groundwork_auth::ApiKeyFormat;
use groundwork_values::{Invalid, TextList, id_type};

use super::permissions::Permission;
use super::text::name;

id_type! {
    /// The ID of an API key: positive, assigned by the database, never reused.
    pub struct ApiKeyId;
}

/// What an API key is for: 1 to 100 characters after trimming, with the characters of a
/// [`FullName`](super::text::FullName).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyName(String);

impl ApiKeyName {
    pub const MAX_CHARS: usize = 100;

    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.trim().chars().count() > Self::MAX_CHARS {
            return Err(Invalid("must be at most 100 characters"));
        }
        name(text).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The form of this service's keys. Secret scanners know it, and so do the keys that exist: it must
/// not change.
pub const API_KEY_FORMAT: ApiKeyFormat = ApiKeyFormat::new("gwk_");

/// How many keys a user can have: the rate limit is per key.
pub const MAX_API_KEYS: i64 = 50;

/// The permissions of an API key, by name. One that a later release removes permits nothing.
pub type ApiKeyScopes = TextList<100, 1, 64>;

/// Whether a key with these scopes may do what needs `permission`.
pub fn has_scope(scopes: &ApiKeyScopes, permission: Permission) -> bool {
    scopes.as_ref().iter().any(|scope| scope == permission.as_str())
}

/// What is wrong with a list of scopes: a phrase that follows the field's name.
pub fn invalid_scopes(scopes: &[&str]) -> Option<String> {
    if scopes.is_empty() {
        return Some("must name a scope".to_owned());
    }
    if !scopes.iter().all(|scope| Permission::parse(scope).is_ok()) {
        let names = Permission::ALL.map(Permission::as_str).join(", ");
        return Some(format!("must contain only these scopes: {names}"));
    }
    let is_repeated = |(place, scope)| scopes.iter().take(place).any(|other| other == scope);
    scopes.iter().enumerate().any(is_repeated).then(|| "must name each scope once".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_key_is_one_line() {
        assert_eq!(ApiKeyName::parse(" Nightly export ").unwrap().as_str(), "Nightly export");
        for invalid in ["", "a\nb", "a\u{1b}[31m", "a\u{202e}b", &"x".repeat(101)] {
            assert!(ApiKeyName::parse(invalid).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn scopes_are_known_permissions_each_once() {
        assert_eq!(invalid_scopes(&["users:read", "users:write"]), None);
        for invalid in [&[][..], &["users"], &["users:*"], &["Users:read"], &["users:read", "users:read"]] {
            assert!(invalid_scopes(invalid).is_some(), "{invalid:?}");
        }
        let scopes = ApiKeyScopes::try_from(vec!["users:read".to_owned()]).unwrap();
        assert!(has_scope(&scopes, Permission::UsersRead) && !has_scope(&scopes, Permission::UsersWrite));
    }
}
