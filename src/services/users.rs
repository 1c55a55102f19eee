//! Users: the current one and, for superusers, all of them.

use std::sync::Arc;

use groundwork_auth::{PasswordHasher, ValueSigner};
use groundwork_clock::{Clock, Timestamp};
use groundwork_database::Connection;
use groundwork_state::cache::{Cache, Cached, key_of};
use groundwork_telemetry::context::CallContext;
use metrics::Counter;

use super::auth::{Caller, PasswordCheckLimiter};
use super::store::{Actor, Store};
use super::{Error, Page, SESSIONS_REVOKED};
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::password::{Password, PasswordAttempt};
use crate::domain::text::FullName;
use crate::models::audit_events::{self, AuditEvent, AuditKind, AuthEvent};
use crate::models::sessions;
use crate::models::users::{self, Cursor, NewUser, Profile, User, UserChanges, UserFilter};

/// Changes of a user to its own profile.
#[derive(Clone, Debug, Default)]
pub struct ProfileChanges {
    /// `Some(None)` clears the name.
    pub full_name: Option<Option<FullName>>,
    /// The current password and the new one.
    pub password: Option<(PasswordAttempt, Password)>,
}

/// The user to create.
#[derive(Clone, Debug)]
pub struct CreateUser {
    pub email: Email,
    pub password: Password,
    pub full_name: Option<FullName>,
    pub is_active: bool,
    pub is_superuser: bool,
    pub is_verified: bool,
}

impl CreateUser {
    pub(super) async fn hash_password(self, hasher: &PasswordHasher) -> Result<NewUser, Error> {
        let Self { email, password, full_name, is_active, is_superuser, is_verified } = self;
        if password.is_email(email.as_str()) {
            return Err(Error::PasswordIsEmail);
        }
        let password_hash = hasher.hash(password).await?;
        Ok(NewUser { email, password_hash, full_name, is_active, is_superuser, is_verified })
    }
}

/// Changes of a superuser to any user.
#[derive(Clone, Debug, Default)]
pub struct UpdateUser {
    /// All changes but the password.
    pub changes: UserChanges,
    pub password: Option<Password>,
}

impl UpdateUser {
    pub fn activation(is_active: bool) -> Self {
        let changes = UserChanges { is_active: Some(is_active), ..UserChanges::default() };
        Self { changes, password: None }
    }
}

impl Cached for Profile {
    const PREFIX: &'static str = "users:get_user_profile";
}

/// The lock of units of work that remove superusers.
const SUPERUSERS_LOCK: i64 = 0x6772_7501;

#[derive(Clone)]
pub struct UserService {
    store: Store,
    hasher: PasswordHasher,
    page_signer: Arc<ValueSigner>,
    cache: Cache,
    password_limiter: Option<PasswordCheckLimiter>,
    clock: Clock,
    ended_by_password: Counter,
    ended_by_deactivation: Counter,
}

impl UserService {
    /// Without a `password_limiter`, attempts to confirm the current password are unlimited.
    pub fn new(
        store: Store,
        hasher: PasswordHasher,
        page_signer: Arc<ValueSigner>,
        cache: Cache,
        password_limiter: Option<PasswordCheckLimiter>,
        clock: Clock,
    ) -> Self {
        let ended = |reason: &'static str| metrics::counter!(SESSIONS_REVOKED, "reason" => reason);
        let (ended_by_password, ended_by_deactivation) = (ended("password_changed"), ended("deactivated"));
        Self {
            store,
            hasher,
            page_signer,
            cache,
            password_limiter,
            clock,
            ended_by_password,
            ended_by_deactivation,
        }
    }

    /// Changes the caller's own profile. A new password ends all sessions of the user.
    ///
    /// # Errors
    /// [`Error::WrongCurrentPassword`], [`Error::PasswordIsEmail`],
    /// [`Error::TooManyPasswordChecks`].
    pub async fn update_profile(
        &self,
        caller: &Caller,
        changes: ProfileChanges,
        context: &CallContext,
    ) -> Result<User, Error> {
        let profile = UserChanges { full_name: changes.full_name, ..UserChanges::default() };
        let Some((current, new)) = changes.password else {
            let update = async {
                let mut write = self.store.statement_as(caller).await?;
                users::update_own(&mut write, &profile).await?.ok_or(Error::SESSION_OVER)
            };
            return self.invalidating(caller.user.id, update).await;
        };
        if new.is_email(&caller.user.email) {
            return Err(Error::PasswordIsEmail);
        }
        self.confirm_password(caller, current).await?;
        let password_hash = Some(self.hasher.hash(new).await?);
        self.change_password(caller, &UserChanges { password_hash, ..profile }, context).await
    }

    async fn confirm_password(&self, caller: &Caller, attempt: PasswordAttempt) -> Result<(), Error> {
        if let Some(limiter) = &self.password_limiter {
            limiter.check(caller.session).await?;
        }
        if self.hasher.verify(attempt.into_forms(), Some(&caller.user.password_hash)).await?.is_some() {
            return Ok(());
        }
        audit_events::log_auth_event(AuthEvent::CURRENT_PASSWORD_WRONG, Some(caller.user.id));
        Err(Error::WrongCurrentPassword)
    }

    async fn change_password(
        &self,
        caller: &Caller,
        changes: &UserChanges,
        context: &CallContext,
    ) -> Result<User, Error> {
        let (id, now) = (caller.user.id, self.clock.now());
        let update = self.store.transaction_as(caller, async |tx, actor| {
            // The password may have been changed while the hashes were computed.
            if actor.password_hash != caller.user.password_hash {
                return Err(Error::WrongCurrentPassword);
            }
            let ended = sessions::revoke_all(tx, id, now).await?;
            let session = Some(caller.session);
            let event =
                AuditEvent { kind: AuditKind::PASSWORD_CHANGED, actor: Some(id), user: id, session, context };
            audit_events::insert(tx, &event, now).await?;
            let user = users::update(tx, id, changes, now).await?.ok_or(Error::SESSION_OVER)?;
            Ok((user, ended))
        });
        let (user, ended) = self.invalidating(id, update).await?;
        self.ended_by_password.increment(ended as u64);
        Ok(user)
    }

    /// Lists users, starting at `page_token`.
    ///
    /// # Errors
    /// [`Error::InvalidPageToken`] if the token was not issued for this filter.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &UserFilter,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<Profile>, Error> {
        // The filter is part of the purpose, so that a token is valid for its own list only.
        let purpose = format!("users {filter:?}");
        let after = page_token.map(|token| self.open_page_token(&purpose, filter, token)).transpose()?;
        // One row more than requested shows whether there is a next page.
        let mut connection = self.store.read_as(caller);
        let mut items = users::page(&mut connection, filter, after, i64::from(limit) + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let last = items.last().filter(|_| more);
        let next_page =
            last.map(|user| self.page_signer.sign(&purpose, &encode_cursor(filter.cursor_for(user))));
        Ok(Page { items, next_page })
    }

    fn open_page_token(&self, purpose: &str, filter: &UserFilter, token: &str) -> Result<Cursor, Error> {
        let payload = self.page_signer.verify(purpose, token).map_err(|_| Error::InvalidPageToken)?;
        decode_cursor(&payload, filter.is_by_date()).ok_or(Error::InvalidPageToken)
    }

    /// # Errors
    /// [`Error::UserNotFound`].
    pub async fn get(&self, id: UserId) -> Result<Profile, Error> {
        let load = || async {
            let found = users::find_profile(&mut self.store.read(), id).await?;
            found.ok_or(Error::UserNotFound)
        };
        self.cache.cached(&key_of::<Profile>(id), load).await
    }

    /// Applies a change and then invalidates the cached user.
    async fn invalidating<T>(
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
    /// [`Error::EmailTaken`], [`Error::PasswordIsEmail`].
    pub async fn create(
        &self,
        actor: Actor<'_>,
        request: CreateUser,
        context: &CallContext,
    ) -> Result<User, Error> {
        let new = request.hash_password(&self.hasher).await?;
        let now = self.clock.now();
        self.store
            .transaction_by(actor, async |tx| {
                let user = users::insert(tx, &new, now).await?;
                let actor = actor.user_id();
                let event = AuditEvent {
                    kind: AuditKind::USER_CREATED,
                    actor,
                    user: user.id,
                    session: None,
                    context,
                };
                audit_events::insert(tx, &event, now).await?;
                Ok(user)
            })
            .await
    }

    /// Changes any user. A new password and deactivation end all its sessions. Lost superuser
    /// rights take effect with the next request.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::EmailTaken`], [`Error::PasswordIsEmail`],
    /// [`Error::LastSuperuser`].
    pub async fn update(
        &self,
        actor: &Caller,
        id: UserId,
        UpdateUser { mut changes, password }: UpdateUser,
        context: &CallContext,
    ) -> Result<User, Error> {
        if let Some(password) = password.clone() {
            changes.password_hash = Some(self.hasher.hash(password).await?);
        }
        let now = self.clock.now();
        let update = self.store.transaction_on(actor, id, async |tx, target| {
            let before = target.ok_or(Error::UserNotFound)?;
            if changes.is_active == Some(false) || changes.is_superuser == Some(false) {
                check_superuser_remains(tx, before).await?;
            }
            let after = users::update(tx, id, &changes, now).await?.ok_or(Error::UserNotFound)?;
            if password.is_some_and(|password| password.is_email(&after.email)) {
                return Err(Error::PasswordIsEmail);
            }
            let (mut by_password, mut by_deactivation) = (0, 0);
            for kind in audit_kinds(before, &after) {
                let event = AuditEvent { kind, actor: Some(actor.user.id), user: id, session: None, context };
                audit_events::insert(tx, &event, now).await?;
                match kind {
                    AuditKind::PASSWORD_CHANGED => by_password += sessions::revoke_all(tx, id, now).await?,
                    AuditKind::USER_DEACTIVATED => {
                        by_deactivation += sessions::revoke_all(tx, id, now).await?;
                    }
                    _ => {}
                }
            }
            Ok((after, by_password, by_deactivation))
        });
        let (user, by_password, by_deactivation) = self.invalidating(id, update).await?;
        self.ended_by_password.increment(by_password as u64);
        self.ended_by_deactivation.increment(by_deactivation as u64);
        Ok(user)
    }

    /// Deletes a user with all its sessions.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::LastSuperuser`].
    pub async fn delete(&self, actor: &Caller, id: UserId, context: &CallContext) -> Result<(), Error> {
        let now = self.clock.now();
        let deletion = self.store.transaction_on(actor, id, async |tx, target| {
            check_superuser_remains(tx, target.ok_or(Error::UserNotFound)?).await?;
            users::delete(tx, id).await?;
            let actor = Some(actor.user.id);
            let event = AuditEvent { kind: AuditKind::USER_DELETED, actor, user: id, session: None, context };
            Ok(audit_events::insert(tx, &event, now).await?)
        });
        self.invalidating(id, deletion).await
    }
}

/// Refuses if `user`, whose row is locked, is the last active superuser. The lock serialises the
/// units of work that remove superusers: two that remove the last two at once would otherwise each
/// see the other one remain.
async fn check_superuser_remains(tx: &mut Connection, user: &User) -> Result<(), Error> {
    if !(user.is_superuser && user.is_active) {
        return Ok(());
    }
    tx.lock(SUPERUSERS_LOCK).await?;
    if users::has_other_superuser(tx, user.id).await? { Ok(()) } else { Err(Error::LastSuperuser) }
}

/// The audit events of an update.
fn audit_kinds(before: &User, after: &User) -> impl Iterator<Item = AuditKind> {
    let switched =
        |was: bool, is: bool, on: AuditKind, off: AuditKind| (was != is).then_some(if is { on } else { off });
    [
        (before.password_hash != after.password_hash).then_some(AuditKind::PASSWORD_CHANGED),
        (before.email != after.email).then_some(AuditKind::EMAIL_CHANGED),
        (before.full_name != after.full_name).then_some(AuditKind::FULL_NAME_CHANGED),
        switched(
            before.is_verified,
            after.is_verified,
            AuditKind::EMAIL_VERIFIED,
            AuditKind::EMAIL_UNVERIFIED,
        ),
        switched(before.is_active, after.is_active, AuditKind::USER_ACTIVATED, AuditKind::USER_DEACTIVATED),
        switched(
            before.is_superuser,
            after.is_superuser,
            AuditKind::SUPERUSER_GRANTED,
            AuditKind::SUPERUSER_REVOKED,
        ),
    ]
    .into_iter()
    .flatten()
}

/// The payload of a page token.
fn encode_cursor(cursor: Cursor) -> Vec<u8> {
    match cursor {
        Cursor::Id(id) => id.0.to_be_bytes().to_vec(),
        Cursor::CreatedAt(created, id) => [created.micros().to_be_bytes(), id.0.to_be_bytes()].concat(),
    }
}

/// `None` if the payload is for the other order; the previous release issued such tokens for lists
/// by date.
fn decode_cursor(payload: &[u8], is_by_date: bool) -> Option<Cursor> {
    let (first, rest) =
        payload.split_first_chunk().map(|(first, rest)| (i64::from_be_bytes(*first), rest))?;
    if !is_by_date {
        return rest.is_empty().then_some(Cursor::Id(UserId(first)));
    }
    let id = i64::from_be_bytes(rest.try_into().ok()?);
    Some(Cursor::CreatedAt(Timestamp::from_micros(first), UserId(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_decoded_for_its_own_order_only() {
        let (number, date) =
            (Cursor::Id(UserId(7)), Cursor::CreatedAt(Timestamp::from_seconds(-1), UserId(7)));
        for (cursor, is_by_date) in [(number, false), (date, true)] {
            assert_eq!(decode_cursor(&encode_cursor(cursor), is_by_date), Some(cursor));
            assert_eq!(decode_cursor(&encode_cursor(cursor), !is_by_date), None);
        }
        for length in [0, 7, 9, 15, 17, 24] {
            assert_eq!(
                [false, true].map(|is_by_date| decode_cursor(&vec![1; length], is_by_date)),
                [None, None]
            );
        }
    }
}
