//! The table `users`.

mod list;

use std::ops::Deref;

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, for_update, is_locked, on, prepared};
use serde::{Deserialize, Serialize};

pub use list::{Cursor, UserFilter, page};

use super::caller_check::{CallerCheck, CheckedWrite};
use super::roles::EffectiveRole;
pub use super::roles::RoleChange;
use super::user_networks::NetworkUse;
use super::{api_keys, sessions, webhooks};
use crate::db::schema::{user_networks, users};
use crate::domain::email::Email;
use crate::domain::ids::{Credential, UserId};
use crate::domain::network::Network;
use crate::domain::password::PasswordHash;
use crate::domain::permissions::UserRole;
use crate::domain::text::FullName;

/// The unique constraint on the normalized email.
pub const EMAIL_KEY: &str = "users_email_key";

/// A user with the password hash, which must not be cached. Queries select it in a tuple, which the
/// compiler checks thirty times as fast as a row that contains another one and is selected alone.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct User {
    #[diesel(embed)]
    pub profile: Profile,
    #[diesel(deserialize_as = String)]
    pub password_hash: PasswordHash,
}

impl Deref for User {
    type Target = Profile;

    fn deref(&self) -> &Profile {
        &self.profile
    }
}

/// What a user and its administrators can see of a user.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Serialize, Deserialize)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Profile {
    #[diesel(deserialize_as = i64)]
    pub id: UserId,
    /// The normalized email.
    pub email: String,
    pub full_name: Option<String>,
    /// Whether the user may log in.
    pub is_active: bool,
    /// Whether the user may administer others.
    pub is_superuser: bool,
    /// `Superuser` if and only if `is_superuser`.
    #[diesel(select_expression = EffectiveRole, select_expression_type = EffectiveRole)]
    pub role: UserRole,
    /// Whether the email is known to be the user's.
    pub is_verified: bool,
    pub created_at: Timestamp,
    /// When the profile or rights last changed.
    pub updated_at: Timestamp,
}

/// A user that was written, and whether a webhook may want to know. The same statement finds out,
/// so that a change costs no extra round trip where there are no webhooks.
#[derive(Clone, Debug)]
pub struct Written {
    pub user: User,
    pub has_webhooks: bool,
}

impl From<(User, bool)> for Written {
    fn from((user, has_webhooks): (User, bool)) -> Self {
        Self { user, has_webhooks }
    }
}

/// The user to create, without its password.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub struct NewUser {
    pub email: Email,
    #[diesel(embed)]
    pub profile: NewProfile,
    pub is_active: bool,
    #[diesel(skip_insertion)]
    pub role: UserRole,
    pub is_verified: bool,
}

/// What a new user says about itself.
#[derive(Clone, Debug, Default, Insertable, Serialize, Deserialize)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub struct NewProfile {
    pub full_name: Option<FullName>,
}

/// Changes of a user, without its password; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, AsChangeset)]
#[diesel(table_name = users)]
pub struct UserChanges {
    pub email: Option<Email>,
    #[diesel(embed)]
    pub profile: ProfileChanges,
    pub is_active: Option<bool>,
    #[diesel(skip_update)]
    pub role: Option<RoleChange>,
    pub is_verified: Option<bool>,
}

/// Changes of what a user says about itself; `None` leaves a field as it is, and `Some(None)`
/// clears it.
#[derive(Clone, Debug, Default, AsChangeset)]
#[diesel(table_name = users)]
pub struct ProfileChanges {
    pub full_name: Option<Option<FullName>>,
}

impl UserChanges {
    pub fn activation(is_active: bool) -> Self {
        Self { is_active: Some(is_active), ..Self::default() }
    }
}

/// # Errors
/// [`DbError::Unique`] with [`EMAIL_KEY`] if another user has the email.
pub async fn insert(
    c: &mut Connection,
    user: &NewUser,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<Written, DbError> {
    let hash = users::password_hash.eq(hash.as_str());
    let (is_superuser, role) = RoleChange::Set(user.role).columns();
    let rights = (users::is_superuser.eq(is_superuser), users::role.eq(role.unwrap_or(UserRole::User)));
    let values = (user, rights, hash, users::created_at.eq(now), users::updated_at.eq(now));
    let insert = diesel::insert_into(users::table).values(values);
    let written: (User, bool) = on!(c, |c| {
        let insert = insert.returning((User::as_returning(), exists(webhooks::active())));
        prepared(insert).get_result(c)
    })?;
    Ok(written.into())
}

pub async fn find(c: &mut Connection, id: UserId) -> Result<Option<User>, DbError> {
    let user = users::table.find(id.0);
    let row = on!(c, |c| prepared(user.select((User::as_select(),))).get_result(c));
    Ok(row.optional()?.map(|(user,)| user))
}

pub async fn find_profile(c: &mut Connection, id: UserId) -> Result<Option<Profile>, DbError> {
    let user = users::table.find(id.0);
    Ok(on!(c, |c| prepared(user.select(Profile::as_select())).get_result(c)).optional()?)
}

/// A user, locked to the end of the transaction.
pub async fn find_for_update(c: &mut Connection, id: UserId) -> Result<Option<User>, DbError> {
    let user = users::table.find(id.0);
    let row = on!(c, |c| prepared(for_update(user.select((User::as_select(),)))).get_result(c));
    Ok(row.optional()?.map(|(user,)| user))
}

/// Two users by ascending id, as far as they exist, locked in that order to the end of the
/// transaction.
pub async fn find_pair_for_update(
    c: &mut Connection,
    one: UserId,
    other: UserId,
) -> Result<Vec<User>, DbError> {
    let pair = users::table.filter(users::id.eq(one.0).or(users::id.eq(other.0))).order(users::id.asc());
    let rows = on!(c, |c| prepared(for_update(pair.select((User::as_select(),)))).load(c))?;
    Ok(rows.into_iter().map(|(user,)| user).collect())
}

pub async fn find_by_email(c: &mut Connection, email: &Email) -> Result<Option<User>, DbError> {
    let user = users::table.filter(users::email.eq(email));
    let row = on!(c, |c| prepared(user.select((User::as_select(),))).get_result(c));
    Ok(row.optional()?.map(|(user,)| user))
}

/// Changes a user, and its password if there is a `hash`. Returns it as it is now; `None` if there
/// is none.
///
/// # Errors
/// [`DbError::Unique`] with [`EMAIL_KEY`] if another user has the new email.
pub async fn update(
    c: &mut Connection,
    id: UserId,
    changes: &UserChanges,
    hash: Option<&PasswordHash>,
    now: Timestamp,
) -> Result<Option<Written>, DbError> {
    let hash = hash.map(|hash| users::password_hash.eq(hash.as_str()));
    let rights = changes.role.map(RoleChange::columns);
    let is_superuser = rights.map(|(is_superuser, _)| users::is_superuser.eq(is_superuser));
    let role = rights.and_then(|(_, role)| role).map(|role| users::role.eq(role));
    let changes = (changes, is_superuser, role, hash, users::updated_at.eq(now));
    let update = diesel::update(users::table.find(id.0)).set(changes);
    let written: Option<(User, bool)> = on!(c, |c| {
        let update = update.returning((User::as_returning(), exists(webhooks::active())));
        prepared(update).get_result(c)
    })
    .optional()?;
    Ok(written.map(Written::from))
}

/// Changes the caller's own user and returns it as it is now; `None` if the credential is void, the
/// user is inactive or deleted, or there is a webhook, whose event needs the user as it was before.
pub async fn update_own_without_webhooks(
    write: &mut CheckedWrite<'_>,
    changes: &ProfileChanges,
) -> Result<Option<User>, DbError> {
    let CheckedWrite { connection: c, check: CallerCheck { credential, user, now } } = write;
    macro_rules! update_where {
        ($live:expr) => {{
            let live = $live.filter(users::is_active).select(users::id);
            let own = users::table
                .find(user.0)
                .filter(is_locked(users::id, for_update(live)))
                .filter(not(exists(webhooks::active())));
            let update = diesel::update(own).set((changes, users::updated_at.eq(*now)));
            on!(c, |c| prepared(update.returning((User::as_select(),))).get_result(c))
        }};
    }
    let updated = match credential {
        Credential::Session(id) => update_where!(sessions::live_user(id, *user, *now)),
        Credential::ApiKey(id) => update_where!(api_keys::valid_user(*id, *user, *now)),
    };
    Ok(updated.optional()?.map(|(user,)| user))
}

/// Locks an active user whose password hash still is `verified`, for a login, and sets `hash`: the same
/// one, or a new one of the same password. Returns what is known of the network; `None` if there is
/// no such user any more. The lock keeps a password change from interleaving with the login.
pub async fn lock_for_login(
    c: &mut Connection,
    id: UserId,
    verified: &PasswordHash,
    hash: &PasswordHash,
    network: &Network,
) -> Result<Option<NetworkUse>, DbError> {
    let user =
        users::table.find(id.0).filter(users::is_active).filter(users::password_hash.eq(verified.as_str()));
    let update = diesel::update(user).set(users::password_hash.eq(hash.as_str()));
    let found: Option<(Option<Timestamp>, bool)> = on!(c, |c| {
        let networks = user_networks::table.filter(user_networks::user_id.eq(id.0));
        let last_used = networks.filter(user_networks::network.eq(network.as_str()));
        let last_used = last_used.select(user_networks::last_used_at).single_value();
        prepared(update.returning((last_used, exists(networks)))).get_result(c)
    })
    .optional()?;
    Ok(found.map(|(last_used_at, has_any)| NetworkUse { last_used_at, has_any }))
}

/// Deletes a user, and with it, by the foreign keys, its sessions, API keys and tokens. Returns whether
/// a webhook may want to know; `None` if there is no such user.
pub async fn delete(c: &mut Connection, id: UserId) -> Result<Option<bool>, DbError> {
    let delete = diesel::delete(users::table.find(id.0)).returning(exists(webhooks::active()));
    Ok(on!(c, |c| prepared(delete).get_result(c)).optional()?)
}

/// Whether an active superuser other than `id` exists.
pub async fn has_other_active_superuser(c: &mut Connection, id: UserId) -> Result<bool, DbError> {
    let others = users::table.filter(users::is_superuser).filter(users::is_active).filter(users::id.ne(id.0));
    Ok(on!(c, |c| prepared(diesel::select(exists(others))).get_result(c))?)
}
