//! What operations need, and which role has it.

use groundwork_values::enum_type;

/// A permission as a type, so that a guard can name it: `Permitted<UsersRead>`.
pub trait PermissionType {
    const PERMISSION: Permission;
    /// How a guard declares it.
    const DECLARATION: &'static str;
}

/// Defines [`Permission`], and a type for each of them.
macro_rules! permissions {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal; )+) => {
        enum_type! {
            /// What an operation does to which resource. A role has permissions for all things of a
            /// resource. An API key has some, as its scopes, and is limited to them.
            pub enum Permission { $( $(#[doc = $doc])+ $name = $text ),+ }
        }

        $(
            $(#[doc = $doc])+
            pub enum $name {}

            impl PermissionType for $name {
                const PERMISSION: Permission = Permission::$name;
                const DECLARATION: &'static str = concat!("scope:", $text);
            }
        )+
    };
}

/// Defines [`UserRole`], and the permissions of each role.
macro_rules! roles {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal: $permissions:expr; )+) => {
        enum_type! {
            /// What a user may do beyond what belongs to it.
            pub enum UserRole { $( $(#[doc = $doc])+ $name = $text ),+ }
        }

        impl UserRole {
            /// How a guard declares it.
            pub fn declaration(self) -> &'static str {
                match self { $( Self::$name => concat!("role:", $text) ),+ }
            }

            fn permissions(self) -> &'static [Permission] {
                match self { $( Self::$name => $permissions ),+ }
            }
        }
    };
}

permissions! {
    /// Reading users.
    UsersRead = "users:read";
    /// Changing users.
    UsersWrite = "users:write";
    /// Reading jobs.
    JobsRead = "jobs:read";
    /// Changing jobs.
    JobsWrite = "jobs:write";
    /// Reading webhooks and their deliveries.
    WebhooksRead = "webhooks:read";
    /// Changing webhooks and sending deliveries.
    WebhooksWrite = "webhooks:write";
    /// Reading audit events.
    AuditEventsRead = "audit_events:read";
}

// A further role is a line here.
roles! {
    /// Only what belongs to it.
    User = "user": &[];
    /// Can look up users and what was done, and change nothing.
    Support = "support": &[Permission::UsersRead, Permission::AuditEventsRead];
    /// Everything.
    Superuser = "superuser": &Permission::ALL;
}

impl UserRole {
    pub fn may(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }

    /// The roles that have a permission.
    pub fn with(permission: Permission) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |role| role.may(permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_names_a_resource_and_reading_or_writing() {
        for permission in Permission::ALL {
            let (resource, access) = permission.as_str().split_once(':').unwrap();
            assert!(!resource.is_empty() && ["read", "write"].contains(&access), "{permission:?}");
        }
    }

    #[test]
    fn superusers_may_do_everything_users_nothing_and_support_reads_users_and_audit_events() {
        for permission in Permission::ALL {
            assert!(UserRole::Superuser.may(permission));
            assert!(!UserRole::User.may(permission));
            let is_read = matches!(permission, Permission::UsersRead | Permission::AuditEventsRead);
            assert_eq!(UserRole::Support.may(permission), is_read);
        }
        assert_eq!(UserRole::with(UsersRead::PERMISSION).count(), 2);
    }
}
