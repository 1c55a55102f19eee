//! The table `users`.

use std::ops::Deref;

use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_clock::sql::Timestamptz;
use groundwork_database::{Connection, DbError, for_update, is_locked, on, prepared};
use serde::{Deserialize, Serialize};

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
use crate::domain::sort::Sort;
use crate::domain::text::FullName;

/// The unique constraint on the normalized email.
pub const EMAIL_KEY: &str = "users_email_key";

/// A user with the password hash, which must not be cached.
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
/// so that a change costs no round trip more where there are no webhooks.
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
#[derive(Clone, Debug, Default, Insertable)]
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

/// Which users a list shows; the default shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// A prefix of the normalized email.
    pub email_prefix: Option<String>,
    pub is_active: Option<bool>,
    pub is_superuser: Option<bool>,
    /// Inclusive.
    pub created_after: Option<Timestamp>,
    /// Exclusive.
    pub created_before: Option<Timestamp>,
}

/// The last user of a page, after whom the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    Id(UserId),
    /// Users created at one instant are in the order of ids.
    CreatedAt(Timestamp, UserId),
}

impl Cursor {
    /// The values that the list is sorted by, as numbers.
    pub fn sort_key(self) -> Vec<i64> {
        match self {
            Self::Id(id) => vec![id.0],
            Self::CreatedAt(created, id) => vec![created.micros(), id.0],
        }
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
    Ok(on!(c, |c| prepared(user.select(User::as_select())).get_result(c)).optional()?)
}

pub async fn find_profile(c: &mut Connection, id: UserId) -> Result<Option<Profile>, DbError> {
    let user = users::table.find(id.0);
    Ok(on!(c, |c| prepared(user.select(Profile::as_select())).get_result(c)).optional()?)
}

/// A user, locked to the end of the transaction.
pub async fn find_for_update(c: &mut Connection, id: UserId) -> Result<Option<User>, DbError> {
    let user = users::table.find(id.0);
    Ok(on!(c, |c| prepared(for_update(user.select(User::as_select()))).get_result(c)).optional()?)
}

/// Two users by ascending id, as far as they exist, locked in that order to the end of the
/// transaction.
pub async fn find_pair_for_update(
    c: &mut Connection,
    one: UserId,
    other: UserId,
) -> Result<Vec<User>, DbError> {
    let pair = users::table.filter(users::id.eq(one.0).or(users::id.eq(other.0))).order(users::id.asc());
    Ok(on!(c, |c| prepared(for_update(pair.select(User::as_select()))).load(c))?)
}

pub async fn find_by_email(c: &mut Connection, email: &Email) -> Result<Option<User>, DbError> {
    let user = users::table.filter(users::email.eq(email));
    Ok(on!(c, |c| prepared(user.select(User::as_select())).get_result(c)).optional()?)
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
/// user is inactive or deleted, or there is a webhook, which a transaction has to tell.
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
            on!(c, |c| prepared(update.returning(User::as_returning())).get_result(c))
        }};
    }
    let updated = match credential {
        Credential::Session(id) => update_where!(sessions::live_user(id, *user, *now)),
        Credential::ApiKey(id) => update_where!(api_keys::valid_user(*id, *user, *now)),
    };
    Ok(updated.optional()?)
}

/// Replaces the password hash of an active user if it still is `verified`. Returns what is known of
/// the network; `None` if the hash was not replaced. The row stays locked to the end of the
/// transaction, so a login and a password change cannot interleave.
pub async fn confirm_password(
    c: &mut Connection,
    id: UserId,
    verified: &PasswordHash,
    replacement: &PasswordHash,
    network: &Network,
) -> Result<Option<NetworkUse>, DbError> {
    let unchanged = users::table
        .find(id.0)
        .filter(users::is_active.eq(true))
        .filter(users::password_hash.eq(verified.as_str()));
    let update = diesel::update(unchanged).set(users::password_hash.eq(replacement.as_str()));
    let found: Option<(Option<Timestamp>, bool)> = on!(c, |c| {
        let networks = user_networks::table.filter(user_networks::user_id.eq(id.0));
        let last_used = networks.filter(user_networks::network.eq(network.as_str()));
        let last_used = last_used.select(user_networks::last_used_at).single_value();
        prepared(update.returning((last_used, exists(networks)))).get_result(c)
    })
    .optional()?;
    Ok(found.map(|(last_used_at, has_any)| NetworkUse { last_used_at, has_any }))
}

/// Deletes a user with its sessions. Returns whether a webhook may want to know; `None` if there is
/// no such user.
pub async fn delete(c: &mut Connection, id: UserId) -> Result<Option<bool>, DbError> {
    let delete = diesel::delete(users::table.find(id.0)).returning(exists(webhooks::active()));
    Ok(on!(c, |c| prepared(delete).get_result(c)).optional()?)
}

/// Whether an active superuser other than `id` exists.
pub async fn has_other_superuser(c: &mut Connection, id: UserId) -> Result<bool, DbError> {
    let others = users::table
        .filter(users::is_superuser.eq(true))
        .filter(users::is_active.eq(true))
        .filter(users::id.ne(id.0));
    Ok(on!(c, |c| prepared(diesel::select(diesel::dsl::exists(others))).get_result(c))?)
}

/// Bounds that all users are within: PostgreSQL enters the index of dates there, instead of sorting.
const BEFORE_ALL: Timestamp = Timestamp::from_seconds(-62_135_596_800);
const AFTER_ALL: Timestamp = Timestamp::from_seconds(253_402_300_799);

/// Whether a row is behind or before a cursor of two values that follow.
const AFTER: &str = "(\"users\".\"created_at\", \"users\".\"id\") > (";
const BEFORE: &str = "(\"users\".\"created_at\", \"users\".\"id\") < (";

/// Up to `limit` users after the cursor, in the order that `sort` or else the filter implies.
pub async fn page(
    c: &mut Connection,
    filter: &UserFilter,
    sort: Option<Sort>,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Profile>, DbError> {
    if *filter == UserFilter::default() && sort.is_none() {
        let start = if let Some(Cursor::Id(id)) = after { id.0 } else { i64::MIN };
        let all = users::table.filter(users::id.gt(start)).order(users::id.asc()).limit(limit);
        return Ok(on!(c, |c| prepared(all.select(Profile::as_select())).load(c))?);
    }
    Ok(on!(c, |c| {
        let mut query = users::table.select(Profile::as_select()).limit(limit).into_boxed();
        let is_newest_first = sort == Some(Sort::NewestFirst);
        query = if is_newest_first {
            query.order((users::created_at.desc(), users::id.desc()))
        } else if filter.is_by_date(sort) {
            query.order((users::created_at.asc(), users::id.asc()))
        } else {
            query.order(users::id.asc())
        };
        query = match after {
            Some(Cursor::Id(id)) => query.filter(users::id.gt(id.0)),
            // Compared as rows, for which PostgreSQL enters the index at the row itself, however
            // many users were created at one instant. SQLite enters it at the instant.
            Some(Cursor::CreatedAt(made, id)) => query.filter(
                sql::<Bool>(if is_newest_first { BEFORE } else { AFTER })
                    .bind::<Timestamptz, _>(made)
                    .sql(", ")
                    .bind::<BigInt, _>(id.0)
                    .sql(")"),
            ),
            None => query,
        };
        if let Some(prefix) = &filter.email_prefix {
            // A range instead of LIKE: it needs no escaping and both databases serve it from the
            // unique index.
            query = query
                .filter(users::email.ge(prefix))
                .filter(users::email.lt(format!("{prefix}{}", char::MAX)));
        }
        // Not as bind parameters: a plan for any value would not use the partial indexes.
        query = match filter.is_active {
            Some(true) => query.filter(users::is_active),
            Some(false) => query.filter(not(users::is_active)),
            None => query,
        };
        query = match filter.is_superuser {
            Some(true) => query.filter(users::is_superuser),
            Some(false) => query.filter(not(users::is_superuser)),
            None => query,
        };
        // The cursor is further on. With both, the index may be entered at the one far from the page.
        let (from, is_first) = (filter.created_after, after.is_none());
        let from = match sort {
            Some(Sort::OldestFirst) if is_first => from.or(Some(BEFORE_ALL)),
            Some(Sort::NewestFirst) => from,
            _ => from.filter(|_| is_first),
        };
        let to = match sort {
            Some(Sort::NewestFirst) => is_first.then(|| filter.created_before.unwrap_or(AFTER_ALL)),
            _ => filter.created_before,
        };
        if let Some(instant) = from {
            query = query.filter(users::created_at.ge(instant));
        }
        if let Some(instant) = to {
            query = query.filter(users::created_at.lt(instant));
        }
        prepared(query).load(c)
    })?)
}

impl UserFilter {
    /// Whether its list is in the order of creation: if that is asked for, and where its index finds
    /// the first row. All others are in the order of ids.
    pub fn is_by_date(&self, sort: Option<Sort>) -> bool {
        sort.is_some() || self.created_after.is_some() || self.created_before.is_some()
    }

    /// The cursor behind this user in its list.
    pub fn cursor_for(&self, sort: Option<Sort>, user: &Profile) -> Cursor {
        if self.is_by_date(sort) { Cursor::CreatedAt(user.created_at, user.id) } else { Cursor::Id(user.id) }
    }

    /// The cursor with this sort key. `None` if the key is of the other order: the previous release
    /// issued such page tokens for lists by date.
    pub fn cursor_at(&self, sort: Option<Sort>, sort_key: &[i64]) -> Option<Cursor> {
        match *sort_key {
            [id] if !self.is_by_date(sort) => Some(Cursor::Id(UserId(id))),
            [created, id] if self.is_by_date(sort) => {
                Some(Cursor::CreatedAt(Timestamp::from_micros(created), UserId(id)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sort_key_is_a_cursor_of_its_own_order_only() {
        let by_id = UserFilter::default();
        let by_date = UserFilter { created_after: Some(Timestamp::from_seconds(0)), ..UserFilter::default() };
        let cursors = [Cursor::Id(UserId(7)), Cursor::CreatedAt(Timestamp::from_seconds(-1), UserId(7))];
        for (filter, own, other) in [(by_id, cursors[0], cursors[1]), (by_date, cursors[1], cursors[0])] {
            assert_eq!(filter.cursor_at(None, &own.sort_key()), Some(own));
            assert_eq!(filter.cursor_at(None, &other.sort_key()), None);
            assert_eq!([&[][..], &[1, 2, 3]].map(|key| filter.cursor_at(None, key)), [None, None]);
            let by_date = filter.cursor_at(Some(Sort::NewestFirst), &cursors[1].sort_key());
            assert_eq!(by_date, Some(cursors[1]));
        }
    }
}
