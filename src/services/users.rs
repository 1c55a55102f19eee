//! Accounts: what their owners and what superusers may do to them.

use std::sync::Arc;

use metrics::Counter;

use crate::core::cache::{Cache, key_of};
use crate::core::clock::{Clock, Timestamp};
use crate::core::context::CallContext;
use crate::core::email::Email;
use crate::core::ids::UserId;
use crate::core::security::hasher::Hasher;
use crate::core::security::password::{Password, PasswordAttempt};
use crate::core::security::seal::ValueSigner;
use crate::core::telemetry::metrics::{Meter, SESSIONS_REVOKED, counter};
use crate::core::text::FullName;
use crate::db::Connection;
use crate::models::audit_events::{self, AuditEvent, AuditKind, AuthEvent};
use crate::models::sessions;
use crate::models::users::{self, Cursor, NewUser, Profile, User, UserChanges, UserFilter};

use super::Error;
use super::auth::{Caller, Confirmations};
use super::store::{Actor, Store};

/// What an owner changes in the own profile.
#[derive(Clone, Debug, Default)]
pub struct ProfileChanges {
    /// A new name, or `Some(None)` to clear it.
    pub full_name: Option<Option<FullName>>,
    /// The present password and a new one.
    pub password: Option<(PasswordAttempt, Password)>,
}

/// What a superuser says of a new account.
#[derive(Clone, Debug)]
pub struct AccountDetails {
    /// Its address.
    pub email: Email,
    /// Its password.
    pub password: Password,
    /// The person's name.
    pub full_name: Option<FullName>,
    /// Whether it may log in.
    pub is_active: bool,
    /// Whether it may administer others.
    pub is_superuser: bool,
    /// Whether its address is known to be its owner's.
    pub is_verified: bool,
}

/// What a superuser changes in an account.
#[derive(Clone, Debug, Default)]
pub struct AccountChanges {
    /// A new address.
    pub email: Option<Email>,
    /// A new password.
    pub password: Option<Password>,
    /// A new name, or `Some(None)` to clear it.
    pub full_name: Option<Option<FullName>>,
    /// Whether it may log in.
    pub is_active: Option<bool>,
    /// Whether it may administer others.
    pub is_superuser: Option<bool>,
    /// Whether its address is known to be its owner's.
    pub is_verified: Option<bool>,
}

/// Some of the accounts and where the rest begins.
#[derive(Clone, Debug)]
pub struct UserPage {
    /// The accounts, by ascending number, or by date and number where dates are asked for.
    pub items: Vec<Profile>,
    /// Asks for the next page, if there is one.
    pub next_page: Option<String>,
}

/// The caller's session ended after the guard had let the call in.
const OVER: Error = Error::InvalidToken("the session is over");

/// The id of the lock that serialises what takes rights from superusers: one has to remain.
const SUPERUSERS_LOCK: i64 = 0x6772_7501;

/// Rules about accounts.
#[derive(Clone)]
pub struct UserService {
    store: Store,
    hasher: Hasher,
    page_signer: Arc<ValueSigner>,
    cache: Cache,
    confirmations: Option<Confirmations>,
    clock: Clock,
    ended_by_password: Meter<Counter>,
    ended_by_deactivation: Meter<Counter>,
}

impl UserService {
    /// Puts the service together; without `confirmations`, a present password may be tried as often as anybody likes.
    pub fn new(
        store: Store,
        hasher: Hasher,
        page_signer: Arc<ValueSigner>,
        cache: Cache,
        confirmations: Option<Confirmations>,
        clock: Clock,
    ) -> Self {
        let ended = |reason| counter(SESSIONS_REVOKED, &[("reason", reason)]);
        let (ended_by_password, ended_by_deactivation) = (ended("password_changed"), ended("deactivated"));
        Self {
            store,
            hasher,
            page_signer,
            cache,
            confirmations,
            clock,
            ended_by_password,
            ended_by_deactivation,
        }
    }

    /// Changes the caller's own profile. A new password ends all of the caller's sessions, this one included.
    ///
    /// # Errors
    /// [`Error::WrongCurrentPassword`], [`Error::PasswordIsEmail`], [`Error::TooManyConfirmations`].
    pub async fn update_profile(
        &self,
        caller: &Caller,
        changes: ProfileChanges,
        context: &CallContext,
    ) -> Result<User, Error> {
        let profile = UserChanges { full_name: changes.full_name, ..UserChanges::default() };
        let id = caller.user.id;
        let Some((current, new)) = changes.password else {
            let update = async {
                let (mut connection, authority) = self.store.statement_as(caller).await?;
                users::update_own(&mut connection, &authority, &profile).await?.ok_or(OVER)
            };
            return self.change(id, update).await;
        };

        if new.is_email(&caller.user.email) {
            return Err(Error::PasswordIsEmail);
        }
        if let Some(confirmations) = &self.confirmations {
            confirmations.count(caller.session).await?;
        }
        let verified = &caller.user.password_hash;
        if self.hasher.verify(current.into_forms(), Some(verified)).await?.is_none() {
            audit_events::log_auth_event(AuthEvent::CurrentPasswordWrong, Some(id));
            return Err(Error::WrongCurrentPassword);
        }
        let hash = self.hasher.hash(new).await?;
        let now = self.clock.now();
        let changes = UserChanges { password_hash: Some(hash), ..profile };
        let update = self.store.transaction_as(caller, async |tx, actor| {
            // Another change may have come first while the hashes were computed.
            if actor.password_hash != *verified {
                return Err(Error::WrongCurrentPassword);
            }
            let ended = sessions::revoke_all(tx, id, now).await?;
            let session = Some(caller.session);
            let event =
                AuditEvent { kind: AuditKind::PasswordChanged, actor: Some(id), user: id, session, context };
            audit_events::insert(tx, &event, now).await?;
            let user = users::update(tx, id, &changes, now).await?.ok_or(OVER)?;
            Ok((user, ended))
        });
        let (user, ended) = self.change(id, update).await?;
        self.ended_by_password.increment(ended as u64);
        Ok(user)
    }

    /// Removes the caller's own account.
    ///
    /// # Errors
    /// [`Error::LastSuperuser`].
    pub async fn delete_own(&self, caller: &Caller, context: &CallContext) -> Result<(), Error> {
        self.delete(caller, caller.user.id, context).await
    }

    /// Some accounts, from where `page_token` says.
    ///
    /// # Errors
    /// [`Error::InvalidPageToken`] when the token was not given for a list with this filter.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &UserFilter,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<UserPage, Error> {
        // The filter is part of the purpose: a token of one list does not open in another.
        let purpose = format!("users {filter:?}");
        let after = page_token.map(|token| self.open_page_token(&purpose, filter, token)).transpose()?;
        // One more than asked for tells whether there is a next page.
        let mut connection = self.store.read_as(caller);
        let mut items = users::page(&mut connection, filter, after, i64::from(limit) + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let last = items.last().filter(|_| more);
        let next_page = last.map(|user| self.page_signer.sign(&purpose, &bytes_of(filter.cursor_for(user))));
        Ok(UserPage { items, next_page })
    }

    fn open_page_token(&self, purpose: &str, filter: &UserFilter, token: &str) -> Result<Cursor, Error> {
        let payload = self.page_signer.verify(purpose, token).map_err(|_| Error::InvalidPageToken)?;
        cursor_in(&payload, filter.is_by_date()).ok_or(Error::InvalidPageToken)
    }

    /// The account with this number, from the cache if it is there.
    ///
    /// # Errors
    /// [`Error::UserNotFound`].
    pub async fn get(&self, id: UserId) -> Result<Profile, Error> {
        let load =
            || async { users::find_profile(&mut self.store.read(), id).await?.ok_or(Error::UserNotFound) };
        self.cache.cached(&key_of::<Profile>(id), load).await
    }

    /// Makes a change of the account. When it is made, nobody gets the account as it was from the cache.
    async fn change<T>(
        &self,
        id: UserId,
        change: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let invalidation = self.cache.invalidation(key_of::<Profile>(id));
        let result = change.await;
        invalidation.done().await;
        result
    }

    /// Adds an account with any rights.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::PasswordIsEmail`].
    pub async fn create(
        &self,
        actor: Actor<'_>,
        details: AccountDetails,
        context: &CallContext,
    ) -> Result<User, Error> {
        let AccountDetails { email, password, full_name, is_active, is_superuser, is_verified } = details;
        if password.is_email(email.as_str()) {
            return Err(Error::PasswordIsEmail);
        }
        let password_hash = self.hasher.hash(password).await?;
        let new = NewUser { email, password_hash, full_name, is_active, is_superuser, is_verified };
        let now = self.clock.now();
        self.store
            .transaction_by(actor, async |tx| {
                let user = users::insert(tx, &new, now).await?;
                let actor = actor.user_id();
                let event =
                    AuditEvent { kind: AuditKind::UserCreated, actor, user: user.id, session: None, context };
                audit_events::insert(tx, &event, now).await?;
                Ok(user)
            })
            .await
    }

    /// Changes any account. A new password and deactivation end its sessions; losing rights takes effect with
    /// the next request.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::EmailTaken`], [`Error::PasswordIsEmail`], [`Error::LastSuperuser`].
    pub async fn update(
        &self,
        actor: &Caller,
        id: UserId,
        changes: AccountChanges,
        context: &CallContext,
    ) -> Result<User, Error> {
        let new_password = changes.password.clone();
        let password_hash = match changes.password {
            Some(password) => Some(self.hasher.hash(password).await?),
            None => None,
        };
        let changes = UserChanges {
            email: changes.email,
            password_hash,
            full_name: changes.full_name,
            is_active: changes.is_active,
            is_superuser: changes.is_superuser,
            is_verified: changes.is_verified,
        };
        let now = self.clock.now();
        let update = self.store.transaction_on(actor, id, async |tx, target| {
            let before = target.ok_or(Error::UserNotFound)?;
            if changes.is_active == Some(false) || changes.is_superuser == Some(false) {
                keep_a_superuser(tx, before).await?;
            }
            let after = users::update(tx, id, &changes, now).await?.ok_or(Error::UserNotFound)?;
            let (mut by_password, mut by_deactivation) = (0, 0);
            if new_password.is_some_and(|password| password.is_email(&after.email)) {
                return Err(Error::PasswordIsEmail);
            }
            for kind in kinds_of_change(before, &after) {
                let event = AuditEvent { kind, actor: Some(actor.user.id), user: id, session: None, context };
                audit_events::insert(tx, &event, now).await?;
                match kind {
                    AuditKind::PasswordChanged => by_password += sessions::revoke_all(tx, id, now).await?,
                    AuditKind::UserDeactivated => {
                        by_deactivation += sessions::revoke_all(tx, id, now).await?;
                    }
                    _ => {}
                }
            }
            Ok((after, by_password, by_deactivation))
        });
        let (user, by_password, by_deactivation) = self.change(id, update).await?;
        self.ended_by_password.increment(by_password as u64);
        self.ended_by_deactivation.increment(by_deactivation as u64);
        Ok(user)
    }

    /// Removes any account with its sessions.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::LastSuperuser`].
    pub async fn delete(&self, actor: &Caller, id: UserId, context: &CallContext) -> Result<(), Error> {
        let now = self.clock.now();
        let deletion = self.store.transaction_on(actor, id, async |tx, target| {
            keep_a_superuser(tx, target.ok_or(Error::UserNotFound)?).await?;
            users::delete(tx, id).await?;
            let actor = Some(actor.user.id);
            let event = AuditEvent { kind: AuditKind::UserDeleted, actor, user: id, session: None, context };
            Ok(audit_events::insert(tx, &event, now).await?)
        });
        self.change(id, deletion).await
    }
}

/// Refuses when `user`, whose row is locked, is the last active superuser. The lock serialises the units of work that take
/// rights: two superusers who give theirs up at once would otherwise both see the other one remain.
async fn keep_a_superuser(tx: &mut Connection, user: &User) -> Result<(), Error> {
    if !(user.is_superuser && user.is_active) {
        return Ok(());
    }
    tx.lock(SUPERUSERS_LOCK).await?;
    if users::has_other_superuser(tx, user.id).await? { Ok(()) } else { Err(Error::LastSuperuser) }
}

/// The events that a superuser's change amounts to.
fn kinds_of_change(before: &User, after: &User) -> impl Iterator<Item = AuditKind> {
    let switched =
        |was: bool, is: bool, on: AuditKind, off: AuditKind| (was != is).then_some(if is { on } else { off });
    [
        (before.password_hash != after.password_hash).then_some(AuditKind::PasswordChanged),
        (before.email != after.email).then_some(AuditKind::EmailChanged),
        (before.full_name != after.full_name).then_some(AuditKind::FullNameChanged),
        switched(before.is_verified, after.is_verified, AuditKind::EmailVerified, AuditKind::EmailUnverified),
        switched(before.is_active, after.is_active, AuditKind::UserActivated, AuditKind::UserDeactivated),
        switched(
            before.is_superuser,
            after.is_superuser,
            AuditKind::SuperuserGranted,
            AuditKind::SuperuserRevoked,
        ),
    ]
    .into_iter()
    .flatten()
}

/// The payload of a page token.
fn bytes_of(cursor: Cursor) -> Vec<u8> {
    match cursor {
        Cursor::Id(id) => id.0.to_be_bytes().to_vec(),
        Cursor::CreatedAt(made, id) => [made.micros().to_be_bytes(), id.0.to_be_bytes()].concat(),
    }
}

/// The cursor in a page token; `None` for one of the other order, which the previous release issued for dates.
fn cursor_in(payload: &[u8], is_by_date: bool) -> Option<Cursor> {
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
    fn a_page_token_holds_a_cursor_of_its_own_order_and_no_other() {
        let (number, date) =
            (Cursor::Id(UserId(7)), Cursor::CreatedAt(Timestamp::from_seconds(-1), UserId(7)));
        for (cursor, is_by_date) in [(number, false), (date, true)] {
            assert_eq!(cursor_in(&bytes_of(cursor), is_by_date), Some(cursor));
            assert_eq!(cursor_in(&bytes_of(cursor), !is_by_date), None);
        }
        for length in [0, 7, 9, 15, 17, 24] {
            assert_eq!([false, true].map(|is_by_date| cursor_in(&vec![1; length], is_by_date)), [None, None]);
        }
    }
}
