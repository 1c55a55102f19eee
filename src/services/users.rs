//! Users: the caller's own, and all of them for callers with the permission.

mod audit_kinds;

use audit_kinds::audit_kinds;
use groundwork_auth::Page;
use groundwork_database::Connection;
use groundwork_state::cache::{Cache, Cached, key_of};
use groundwork_telemetry::context::CallContext;

use super::auth::{Caller, PasswordLimiter};
use super::idempotency::Idempotency;
use super::mail::NotifyPasswordChanged;
use super::passwords::Passwords;
use super::precondition::Precondition;
use super::store::{Actor, Store};
use super::{Error, RevokedSessions};
use crate::domain::ids::UserId;
use crate::domain::password::{Password, PasswordAttempt, PasswordHash};
use crate::domain::permissions::UserRole;
use crate::domain::sort::Sort;
use crate::domain::webhooks::EventType;
use crate::models::audit_events::{self, AuditEvent, AuditKind, AuthEvent};
use crate::models::users::{
    self, NewUser, Profile, ProfileChanges, RoleChange, User, UserChanges, UserFilter, Written,
};
use crate::models::{one_time_tokens, sessions};

impl Cached for Profile {
    const PREFIX: &'static str = "users:get_user_profile";
}

const NOT_FOUND: Error = Error::NotFound("user");

/// The advisory lock of units of work that remove superusers. Migrations and idempotency keys have
/// others; all locks of a database share one set of numbers.
const SUPERUSERS_LOCK: i64 = 0x6772_7501;

#[derive(Clone)]
pub struct UserService {
    pub store: Store,
    pub passwords: Passwords,
    pub cache: Cache,
    /// Without one, attempts to confirm the current password are unlimited.
    pub password_limiter: Option<PasswordLimiter>,
    pub revoked: RevokedSessions,
}

impl UserService {
    /// Changes the caller's own profile, and its password if there are the current and a new one.
    /// A new password ends all sessions of the user.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] for a new password by an API key, [`Error::WrongCurrentPassword`],
    /// [`Error::PasswordIsEmail`], [`Error::TooManyPasswordChecks`], [`Error::PreconditionFailed`].
    pub async fn update_profile(
        &self,
        caller: &Caller,
        profile: ProfileChanges,
        password: Option<(PasswordAttempt, Password)>,
        precondition: &Precondition<Profile>,
        context: &CallContext,
    ) -> Result<User, Error> {
        let Some((current, new)) = password else {
            let change = self.change_own(caller, profile, precondition, context);
            return self.invalidating(caller.user.id, change).await;
        };
        let changes = UserChanges { profile, ..UserChanges::default() };
        self.check_current_password(caller, current).await?;
        let hash = self.passwords.hash_new(new, &caller.user.email).await?;
        self.change_password(caller, &changes, &hash, precondition, context).await
    }

    /// Usually one statement checks the caller and changes the user, which saves a round trip. If it
    /// finds no row, or a precondition or the event for a webhook needs the user as it was, the user
    /// is read and locked first.
    async fn change_own(
        &self,
        caller: &Caller,
        profile: ProfileChanges,
        precondition: &Precondition<Profile>,
        context: &CallContext,
    ) -> Result<User, Error> {
        let event = |kind| AuditEvent {
            actor: Some(caller.into()),
            session: caller.credential.session(),
            ..AuditEvent::new(kind, caller.user.id, context)
        };
        if !self.store.may_have_webhooks() && precondition.is_none() {
            let change = self.store.transaction_with_checked_write(caller, async |write| {
                let after = users::update_own_without_webhooks(write, &profile).await?;
                for kind in after.iter().flat_map(|after| audit_kinds(&caller.user, after)) {
                    write.record(&event(kind)).await?;
                }
                Ok(after)
            });
            if let Some(user) = change.await? {
                return Ok(user);
            }
        }
        let (changes, now) = (UserChanges { profile, ..UserChanges::default() }, self.store.now());
        self.store
            .transaction_on_self(caller, async |tx, before| {
                precondition.check(&before.profile)?;
                let after = users::update(tx, before.id, &changes, None, now).await?;
                let after = after.ok_or(Error::SESSION_OVER)?;
                self.store.announce_update(tx, before, &after).await?;
                for kind in audit_kinds(before, &after.user) {
                    audit_events::insert(tx, &event(kind), now).await?;
                }
                Ok(after.user)
            })
            .await
    }

    pub(super) async fn check_current_password(
        &self,
        caller: &Caller,
        attempt: PasswordAttempt,
    ) -> Result<(), Error> {
        let session = caller.session()?;
        if let Some(limiter) = &self.password_limiter {
            limiter.check_confirmation(session).await?;
        }
        if self.passwords.verify(attempt, Some(&caller.user.password_hash)).await?.is_some() {
            return Ok(());
        }
        audit_events::log_auth_event(AuthEvent::CURRENT_PASSWORD_WRONG, Some(caller.user.id));
        Err(Error::WrongCurrentPassword)
    }

    async fn change_password(
        &self,
        caller: &Caller,
        changes: &UserChanges,
        hash: &PasswordHash,
        precondition: &Precondition<Profile>,
        context: &CallContext,
    ) -> Result<User, Error> {
        let (id, session, now) = (caller.user.id, caller.session()?, self.store.now());
        let update = self.store.transaction_on_self(caller, async |tx, user| {
            // The password may have been changed while the hashes were computed.
            if user.password_hash != caller.user.password_hash {
                return Err(Error::WrongCurrentPassword);
            }
            precondition.check(&user.profile)?;
            let ended = sessions::revoke_all(tx, id, now).await?;
            one_time_tokens::delete_all(tx, id).await?;
            let notice = NotifyPasswordChanged { email: user.email.clone(), changed_at: now };
            self.store.enqueue_mail(tx, notice, context).await?;
            let after = users::update(tx, id, changes, Some(hash), now).await?.ok_or(Error::SESSION_OVER)?;
            self.store.announce_update(tx, user, &after).await?;
            for kind in audit_kinds(user, &after.user) {
                let event = AuditEvent::new(kind, id, context).by(id).in_session(session);
                audit_events::insert(tx, &event, now).await?;
            }
            Ok((after.user, ended))
        });
        let (user, ended) = self.invalidating(id, update).await?;
        self.revoked.password_change.increment(ended as u64);
        Ok(user)
    }

    /// Lists users, starting at `page_token`.
    ///
    /// # Errors
    /// [`Error::InvalidPageToken`] if the token was not issued for this filter and order.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &UserFilter,
        sort: Option<Sort>,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<Profile>, Error> {
        let list = Sort::list_name(&format!("users {filter:?}"), sort);
        let cursor_at = |key: &[i64]| filter.cursor_at(sort, key);
        let after = self.store.page_signer.cursor(&list, page_token, cursor_at)?;
        let mut connection = self.store.read_as(caller);
        let users = users::page(&mut connection, filter, sort, after, i64::from(limit) + 1).await?;
        let sort_key = |user: &Profile| filter.cursor_for(sort, user).sort_key();
        Ok(self.store.page_signer.page(&list, users, limit, sort_key))
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: UserId) -> Result<Profile, Error> {
        let load = || async {
            let found = users::find_profile(&mut self.store.read(), id).await?;
            found.ok_or(NOT_FOUND)
        };
        self.cache.cached(&key_of::<Profile>(id), load).await
    }

    /// Applies a change and then invalidates the cached user.
    pub(super) async fn invalidating<T>(
        &self,
        id: UserId,
        change: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let invalidation = self.cache.invalidation(key_of::<Profile>(id));
        let result = change.await;
        invalidation.done().await;
        result
    }

    /// # Errors
    /// [`Error::LoginRequired`] for a user with a role by an API key; [`Error::EmailTaken`],
    /// [`Error::PasswordIsEmail`]; those of an idempotency key.
    pub async fn create(
        &self,
        actor: Actor<'_>,
        new: NewUser,
        password: Password,
        idempotency: &Idempotency<User>,
        context: &CallContext,
    ) -> Result<User, Error> {
        if let Actor::Caller(caller) = actor
            && new.role != UserRole::User
        {
            caller.session()?;
        }
        let once = self.store.begin(actor, idempotency).await?;
        let hash = self.passwords.hash_new(password, new.email.as_str()).await?;
        let now = self.store.now();
        self.store
            .transaction_for(actor, async |tx| {
                let create = async |tx: &mut Connection| {
                    let written = users::insert(tx, &new, &hash, now).await?;
                    self.store.announce(tx, &[EventType::UserCreated], &written).await?;
                    let user = written.user;
                    let event = AuditEvent::new(AuditKind::USER_CREATED, user.id, context);
                    let event = AuditEvent { actor: actor.audit_actor(), ..event };
                    audit_events::insert(tx, &event, now).await?;
                    Ok(user)
                };
                once.run(tx, create).await
            })
            .await
    }

    /// Changes any user. A new password and deactivation end all its sessions. Lost superuser
    /// rights take effect with the next request.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] if an API key would set a password, an email or a role;
    /// [`Error::NotFound`], [`Error::EmailTaken`], [`Error::PasswordIsEmail`],
    /// [`Error::LastSuperuser`], [`Error::PreconditionFailed`].
    pub async fn update(
        &self,
        caller: &Caller,
        id: UserId,
        changes: &UserChanges,
        password: Option<Password>,
        precondition: &Precondition<Profile>,
        context: &CallContext,
    ) -> Result<User, Error> {
        // Each of them leads to a login with all rights of a user, which the key does not have.
        if password.is_some() || changes.email.is_some() || changes.role.is_some() {
            caller.session()?;
        }
        let hash = match &password {
            Some(password) => Some(self.passwords.hash_without_email_check(password).await?),
            None => None,
        };
        let now = self.store.now();
        let update = self.store.transaction_on_user(caller, id, async |tx, target| {
            let before = target.ok_or(NOT_FOUND)?;
            precondition.check(&before.profile)?;
            if changes.is_active == Some(false) || changes.role.is_some_and(RoleChange::revokes_superuser) {
                check_superuser_remains(tx, before).await?;
            }
            let written = users::update(tx, id, changes, hash.as_ref(), now).await?.ok_or(NOT_FOUND)?;
            self.store.announce_update(tx, before, &written).await?;
            let after = written.user;
            if password.is_some_and(|password| password.matches_email(&after.email)) {
                return Err(Error::PasswordIsEmail);
            }
            for kind in audit_kinds(before, &after) {
                let event = AuditEvent::new(kind, id, context).by(caller);
                audit_events::insert(tx, &event, now).await?;
            }
            let deactivated = before.is_active && !after.is_active;
            if hash.is_some() || deactivated || before.email != after.email {
                one_time_tokens::delete_all(tx, id).await?;
            }
            if hash.is_some() {
                let notice = NotifyPasswordChanged { email: before.email.clone(), changed_at: now };
                // The caller may prefer another language than the user.
                let context = CallContext { accept_language: None, ..context.clone() };
                self.store.enqueue_mail(tx, notice, &context).await?;
            }
            let ends_sessions = hash.is_some() || deactivated;
            let ended = if ends_sessions { sessions::revoke_all(tx, id, now).await? } else { 0 };
            Ok((after, ended))
        });
        let (user, ended) = self.invalidating(id, update).await?;
        let reason = if hash.is_some() { &self.revoked.password_change } else { &self.revoked.deactivation };
        reason.increment(ended as u64);
        Ok(user)
    }

    /// Deletes a user with all its sessions and API keys.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] if an API key would delete its own user; [`Error::NotFound`],
    /// [`Error::LastSuperuser`], [`Error::PreconditionFailed`].
    pub async fn delete(
        &self,
        caller: &Caller,
        id: UserId,
        precondition: &Precondition<Profile>,
        context: &CallContext,
    ) -> Result<(), Error> {
        if id == caller.user.id {
            caller.session()?;
        }
        let now = self.store.now();
        let deletion = self.store.transaction_on_user(caller, id, async |tx, target| {
            let user = target.ok_or(NOT_FOUND)?;
            precondition.check(&user.profile)?;
            check_superuser_remains(tx, user).await?;
            let has_webhooks = users::delete(tx, id).await?.ok_or(NOT_FOUND)?;
            let deleted = Written { user: user.clone(), has_webhooks };
            self.store.announce(tx, &[EventType::UserDeleted], &deleted).await?;
            let event = AuditEvent::new(AuditKind::USER_DELETED, id, context).by(caller);
            Ok(audit_events::insert(tx, &event, now).await?)
        });
        self.invalidating(id, deletion).await
    }
}

/// Refuses if `user`, whose row is locked, is the last active superuser. The lock serializes the
/// units of work that remove superusers: two that remove the last two at once would otherwise each
/// see the other one remain.
async fn check_superuser_remains(tx: &mut Connection, user: &User) -> Result<(), Error> {
    if !(user.is_superuser && user.is_active) {
        return Ok(());
    }
    tx.lock(SUPERUSERS_LOCK).await?;
    if users::has_other_active_superuser(tx, user.id).await? { Ok(()) } else { Err(Error::LastSuperuser) }
}
