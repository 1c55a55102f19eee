//! What an update of a user is called in the audit log.

use crate::models::audit_events::AuditKind;
use crate::models::users::{Profile, User};

/// The audit events of an update.
pub(super) fn audit_kinds(before: &User, after: &User) -> impl Iterator<Item = AuditKind> {
    use AuditKind as Kind;
    let switch = |was: bool, is: bool, on, off| (was != is, if is { on } else { off });
    // The user after the update, but without the changes that have a kind of their own.
    let otherwise = Profile {
        email: before.email.clone(),
        full_name: before.full_name.clone(),
        is_active: before.is_active,
        is_superuser: before.is_superuser,
        role: before.role,
        is_verified: before.is_verified,
        updated_at: before.updated_at,
        ..after.profile.clone()
    };
    [
        (before.password_hash != after.password_hash, Kind::PASSWORD_CHANGED),
        (before.email != after.email, Kind::EMAIL_CHANGED),
        (before.full_name != after.full_name, Kind::FULL_NAME_CHANGED),
        (before.profile != otherwise, Kind::PROFILE_CHANGED),
        switch(before.is_verified, after.is_verified, Kind::EMAIL_VERIFIED, Kind::EMAIL_UNVERIFIED),
        switch(before.is_active, after.is_active, Kind::USER_ACTIVATED, Kind::USER_DEACTIVATED),
        switch(before.is_superuser, after.is_superuser, Kind::SUPERUSER_GRANTED, Kind::SUPERUSER_REVOKED),
        (before.role != after.role && before.is_superuser == after.is_superuser, Kind::ROLE_CHANGED),
    ]
    .into_iter()
    .filter_map(|(has_changed, kind)| has_changed.then_some(kind))
}

#[cfg(test)]
mod tests {
    use groundwork_clock::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_of_a_field_without_a_kind_of_its_own_leaves_an_audit_event() {
        let profile: Profile = serde_json::from_value(json!({
            "id": 1,
            "email": "ada@example.com",
            "is_active": true,
            "is_superuser": false,
            "role": "user",
            "is_verified": false,
            "created_at": Timestamp::from_seconds(0),
            "updated_at": Timestamp::from_seconds(0),
        }))
        .unwrap();
        let before = User { profile, password_hash: "not a hash".to_owned().into() };
        let kinds = |change: fn(&mut Profile)| {
            let mut after = before.clone();
            after.profile.updated_at = Timestamp::from_seconds(1);
            change(&mut after.profile);
            audit_kinds(&before, &after).collect::<Vec<_>>()
        };
        assert_eq!(kinds(|_| {}), []);
        assert_eq!(kinds(|user| user.full_name = Some("Ada".to_owned())), [AuditKind::FULL_NAME_CHANGED]);
        // No update changes it; it stands for a field that was added.
        assert_eq!(kinds(|user| user.created_at = user.updated_at), [AuditKind::PROFILE_CHANGED]);
    }
}
