//! The table `users`.

use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use super::authority::AuthorizedWrite;
use super::sessions;
use crate::core::cache::Cached;
use crate::core::clock::Timestamp;
use crate::core::clock::sql::Timestamptz;
use crate::core::email::Email;
use crate::core::ids::UserId;
use crate::core::security::password::PasswordHash;
use crate::core::text::FullName;
use crate::db::schema::users;
use crate::db::{Connection, DbError, Extent, Reader, for_update, is_locked, on, prepared};

/// The unique constraint on the normalised email.
pub const EMAIL_KEY: &str = "users_email_key";

/// An account.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    /// Its number.
    #[diesel(deserialize_as = i64)]
    pub id: UserId,
    /// The normalised address.
    pub email: String,
    /// The hash of its password.
    #[diesel(deserialize_as = String)]
    pub password_hash: PasswordHash,
    /// The person's name.
    pub full_name: Option<String>,
    /// Whether it may log in.
    pub is_active: bool,
    /// Whether it may administer others.
    pub is_superuser: bool,
    /// Whether its address is known to be its owner's.
    pub is_verified: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its profile or rights last changed.
    pub updated_at: Timestamp,
}

/// What others may see of an account: all but the hash of its password, so that it may be kept in a cache.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Serialize, Deserialize)]
#[diesel(table_name = users)]
pub struct Profile {
    /// Its number.
    #[diesel(deserialize_as = i64)]
    pub id: UserId,
    /// The normalised address.
    pub email: String,
    /// The person's name.
    pub full_name: Option<String>,
    /// Whether it may log in.
    pub is_active: bool,
    /// Whether it may administer others.
    pub is_superuser: bool,
    /// Whether its address is known to be its owner's.
    pub is_verified: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its profile or rights last changed.
    pub updated_at: Timestamp,
}

impl Cached for Profile {
    const PREFIX: &'static str = "users:get_user_profile";
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        let User {
            id, email, full_name, is_active, is_superuser, is_verified, created_at, updated_at, ..
        } = user;
        Self { id, email, full_name, is_active, is_superuser, is_verified, created_at, updated_at }
    }
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Its address.
    pub email: Email,
    /// The hash of its password.
    pub password_hash: PasswordHash,
    /// The person's name.
    pub full_name: Option<FullName>,
    /// Whether it may log in.
    pub is_active: bool,
    /// Whether it may administer others.
    pub is_superuser: bool,
    /// Whether its address is known to be its owner's.
    pub is_verified: bool,
}

/// What changes in an account; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChanges {
    /// A new address.
    pub email: Option<Email>,
    /// The hash of a new password.
    pub password_hash: Option<PasswordHash>,
    /// A new name, or `Some(None)` to clear it.
    pub full_name: Option<Option<FullName>>,
    /// Whether it may log in.
    pub is_active: Option<bool>,
    /// Whether it may administer others.
    pub is_superuser: Option<bool>,
    /// Whether its address is known to be its owner's.
    pub is_verified: Option<bool>,
}

#[derive(AsChangeset)]
#[diesel(table_name = users)]
struct Changeset<'a> {
    email: Option<&'a str>,
    password_hash: Option<&'a str>,
    full_name: Option<Option<&'a str>>,
    is_active: Option<bool>,
    is_superuser: Option<bool>,
    is_verified: Option<bool>,
    updated_at: Timestamp,
}

impl<'a> Changeset<'a> {
    fn of(changes: &'a UserChanges, now: Timestamp) -> Self {
        Self {
            email: changes.email.as_ref().map(Email::as_str),
            password_hash: changes.password_hash.as_ref().map(PasswordHash::as_str),
            full_name: changes.full_name.as_ref().map(|name| name.as_ref().map(FullName::as_str)),
            is_active: changes.is_active,
            is_superuser: changes.is_superuser,
            is_verified: changes.is_verified,
            updated_at: now,
        }
    }
}

/// Which accounts a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The beginning of the normalised address.
    pub email_prefix: Option<String>,
    /// Only active or only inactive ones.
    pub is_active: Option<bool>,
    /// Only superusers or only others.
    pub is_superuser: Option<bool>,
    /// Made at this instant or later.
    pub created_after: Option<Timestamp>,
    /// Made before this instant.
    pub created_before: Option<Timestamp>,
}

/// Where a page of a list ends, and the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the order of numbers.
    Number(UserId),
    /// In the order in which accounts were made; those of one instant in the order of numbers.
    Date(Timestamp, UserId),
}

/// Adds an account.
///
/// # Errors
/// [`DbError::Unique`] with [`EMAIL_KEY`] when the address has one.
pub async fn insert(c: &mut Connection, user: &NewUser, now: Timestamp) -> Result<User, DbError> {
    let values = (
        users::email.eq(user.email.as_str()),
        users::password_hash.eq(user.password_hash.as_str()),
        users::full_name.eq(user.full_name.as_ref().map(FullName::as_str)),
        users::is_active.eq(user.is_active),
        users::is_superuser.eq(user.is_superuser),
        users::is_verified.eq(user.is_verified),
        users::created_at.eq(now),
        users::updated_at.eq(now),
    );
    Ok(on!(c, |c| prepared(
        diesel::insert_into(users::table).values(values).returning(User::as_returning())
    )
    .get_result(c))?)
}

/// The account with this number.
pub async fn find(c: &mut Connection, id: UserId) -> Result<Option<User>, DbError> {
    let found = on!(c, |c| prepared(users::table.find(id.0).select(User::as_select())).get_result(c));
    Ok(found.optional()?)
}

/// What others may see of the account with this number.
pub async fn find_profile(c: &mut Reader, id: UserId) -> Result<Option<Profile>, DbError> {
    let found = on!(c, |c| prepared(users::table.find(id.0).select(Profile::as_select())).get_result(c));
    Ok(found.optional()?)
}

/// Those of two users who exist, by ascending id, locked in that order to the end of the transaction.
pub async fn find_pair_for_update(
    c: &mut Connection,
    one: UserId,
    other: UserId,
) -> Result<Vec<User>, DbError> {
    let pair = users::table.filter(users::id.eq(one.0).or(users::id.eq(other.0))).order(users::id.asc());
    Ok(on!(c, |c| prepared(for_update(pair.select(User::as_select()))).load(c))?)
}

/// The account with this address.
pub async fn find_by_email(c: &mut Connection, email: &Email) -> Result<Option<User>, DbError> {
    let found =
        on!(c, |c| prepared(users::table.filter(users::email.eq(email.as_str())).select(User::as_select()))
            .get_result(c));
    Ok(found.optional()?)
}

/// Changes an account and returns it as it is now; `None` when there is none.
///
/// # Errors
/// [`DbError::Unique`] with [`EMAIL_KEY`] when a new address has an account.
pub async fn update(
    c: &mut Connection,
    id: UserId,
    changes: &UserChanges,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    let changeset = Changeset::of(changes, now);
    let updated = on!(c, |c| prepared(
        diesel::update(users::table.find(id.0)).set(changeset).returning(User::as_returning())
    )
    .get_result(c));
    Ok(updated.optional()?)
}

/// Changes the caller's own user and returns it as it is now; `None` when the caller's session is over or the user is
/// inactive or gone.
pub async fn update_own(write: &mut AuthorizedWrite, changes: &UserChanges) -> Result<Option<User>, DbError> {
    let authority = write.authority;
    let c = &mut write.connection;
    let live = sessions::live_user(&authority).filter(users::is_active).select(users::id);
    let own = users::table.find(authority.user.0).filter(is_locked(users::id, for_update(live)));
    let changeset = Changeset::of(changes, authority.now);
    let updated = on!(c, |c| prepared(diesel::update(own).set(changeset).returning(User::as_returning()))
        .get_result(c));
    Ok(updated.optional()?)
}

/// Replaces the password hash of an active account if it still is `verified`, and says whether it was. The row
/// stays locked to the end of the transaction: a log-in and a password change cannot pass each other.
pub async fn confirm_password(
    c: &mut Connection,
    id: UserId,
    verified: &PasswordHash,
    replacement: &PasswordHash,
) -> Result<bool, DbError> {
    let unchanged = users::table
        .find(id.0)
        .filter(users::is_active.eq(true))
        .filter(users::password_hash.eq(verified.as_str()));
    let rows =
        on!(c, |c| prepared(diesel::update(unchanged).set(users::password_hash.eq(replacement.as_str())))
            .execute(c))?;
    Ok(rows == 1)
}

/// Removes an account with its sessions and says whether it was there.
pub async fn delete(c: &mut Connection, id: UserId) -> Result<bool, DbError> {
    Ok(on!(c, |c| diesel::delete(users::table.find(id.0)).execute(c))? == 1)
}

/// Whether an active superuser other than `id` exists.
pub async fn has_other_superuser(c: &mut Connection, id: UserId) -> Result<bool, DbError> {
    let others = users::table
        .filter(users::is_superuser.eq(true))
        .filter(users::is_active.eq(true))
        .filter(users::id.ne(id.0));
    Ok(on!(c, |c| prepared(diesel::select(diesel::dsl::exists(others))).get_result(c))?)
}

/// Up to `limit` accounts after this place, in the order that the filter says.
pub async fn page(
    c: &mut Reader,
    filter: &UserFilter,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Profile>, DbError> {
    Ok(on!(c, |c| {
        let mut query = users::table.select(Profile::as_select()).limit(limit).into_boxed();
        query = if filter.is_by_date() {
            query.order((users::created_at.asc(), users::id.asc()))
        } else {
            query.order(users::id.asc())
        };
        query = match after {
            Some(Place::Number(id)) => query.filter(users::id.gt(id.0)),
            // One comparison of rows, for which PostgreSQL enters the index at the row itself, however many were made at one
            // instant. SQLite enters it at the instant.
            Some(Place::Date(made, id)) => query.filter(
                sql::<Bool>("(\"users\".\"created_at\", \"users\".\"id\") > (")
                    .bind::<Timestamptz, _>(made)
                    .sql(", ")
                    .bind::<BigInt, _>(id.0)
                    .sql(")"),
            ),
            None => query,
        };
        if let Some(prefix) = &filter.email_prefix {
            // A range instead of LIKE: it needs no escaping and both databases serve it from the unique index.
            query = query
                .filter(users::email.ge(prefix))
                .filter(users::email.lt(format!("{prefix}{}", char::MAX)));
        }
        // Not as values: a plan for any value would not use the indexes of the few.
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
        // A place in the list is later. With both, the index may be entered at the one that is far from the page.
        if let (Some(instant), None) = (filter.created_after, after) {
            query = query.filter(users::created_at.ge(instant));
        }
        if let Some(instant) = filter.created_before {
            query = query.filter(users::created_at.lt(instant));
        }
        prepared(query).load(c)
    })?)
}

impl UserFilter {
    /// Whether its list is in the order in which accounts were made: where the first of them is, only an index on that tells.
    /// All others are in the order of numbers.
    pub fn is_by_date(&self) -> bool {
        self.created_after.is_some() || self.created_before.is_some()
    }

    /// Where in its list this account is.
    pub fn place_of(&self, user: &Profile) -> Place {
        if self.is_by_date() { Place::Date(user.created_at, user.id) } else { Place::Number(user.id) }
    }

    /// How much a page of it takes: everybody is in the order of an index, others have to be looked for.
    pub fn extent(&self) -> Extent {
        if *self == Self::default() { Extent::Short } else { Extent::Long }
    }
}
