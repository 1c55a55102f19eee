//! The table `api_keys`: the credentials of services.

use std::time::Duration;

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_auth::ApiKeyHash;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, for_share, for_update, on, prepared};

use super::users::User;
use crate::db::schema::{api_keys, users};
use crate::domain::api_keys::{ApiKeyId, ApiKeyName, ApiKeyScopes};
use crate::domain::ids::UserId;
use crate::domain::sort::Sort;

/// `last_used_at` is as exact as this, so that a busy key is not a busy row.
const LAST_USED_PRECISION: Duration = Duration::from_mins(1);

/// An API key, without its hash.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct ApiKey {
    #[diesel(deserialize_as = i64)]
    pub id: ApiKeyId,
    #[diesel(deserialize_as = i64)]
    pub user_id: UserId,
    pub name: String,
    /// The beginning of the key.
    pub prefix: String,
    pub scopes: ApiKeyScopes,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// The key to create.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
pub struct NewApiKey {
    pub name: ApiKeyName,
    pub scopes: ApiKeyScopes,
    pub expires_at: Option<Timestamp>,
}

/// A valid key as authentication sees it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct ValidApiKey {
    #[diesel(deserialize_as = i64)]
    pub id: ApiKeyId,
    pub scopes: ApiKeyScopes,
    pub last_used_at: Option<Timestamp>,
    /// When it last wrote, as far as recorded, for reads from replicas.
    pub wrote_at: Option<Timestamp>,
}

pub async fn insert(
    c: &mut Connection,
    user: UserId,
    key: &NewApiKey,
    (prefix, hash): (&str, &ApiKeyHash),
    now: Timestamp,
) -> Result<ApiKey, DbError> {
    let values = (
        key,
        api_keys::user_id.eq(user.0),
        api_keys::prefix.eq(prefix),
        api_keys::key_hash.eq(hash.0.as_slice()),
        api_keys::created_at.eq(now),
    );
    let insert = diesel::insert_into(api_keys::table).values(values);
    Ok(on!(c, |c| prepared(insert.returning(ApiKey::as_returning())).get_result(c))?)
}

pub async fn count(c: &mut Connection, user: UserId) -> Result<i64, DbError> {
    let own = api_keys::table.filter(api_keys::user_id.eq(user.0));
    Ok(on!(c, |c| prepared(own.count()).get_result(c))?)
}

pub async fn find(c: &mut Connection, id: ApiKeyId) -> Result<Option<ApiKey>, DbError> {
    let key = api_keys::table.find(id.0);
    Ok(on!(c, |c| prepared(key.select(ApiKey::as_select())).get_result(c)).optional()?)
}

/// Up to `limit` keys of a user after the ID, by ascending ID.
pub async fn page(
    c: &mut Connection,
    user: UserId,
    sort: Sort,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<ApiKey>, DbError> {
    let of_user = api_keys::table.filter(api_keys::user_id.eq(user.0));
    // IDs ascend in the order of creation.
    if sort == Sort::NewestFirst {
        let rest = of_user.filter(api_keys::id.lt(after.map_or(i64::MAX, |id| id.0)));
        let rest = rest.order(api_keys::id.desc()).limit(limit);
        return Ok(on!(c, |c| prepared(rest.select(ApiKey::as_select())).load(c))?);
    }
    let rest = of_user.filter(api_keys::id.gt(after.map_or(0, |id| id.0)));
    let rest = rest.order(api_keys::id.asc()).limit(limit);
    Ok(on!(c, |c| prepared(rest.select(ApiKey::as_select())).load(c))?)
}

/// A key, locked to the end of the transaction.
pub async fn find_for_update(c: &mut Connection, id: ApiKeyId) -> Result<Option<ApiKey>, DbError> {
    let key = api_keys::table.find(id.0);
    Ok(on!(c, |c| prepared(for_update(key.select(ApiKey::as_select()))).get_result(c)).optional()?)
}

/// Deletes a key. Returns whether it existed. Its user is locked, so that no unit of work of the key
/// is under way.
pub async fn delete(c: &mut Connection, id: ApiKeyId) -> Result<bool, DbError> {
    let key = api_keys::table.find(id.0);
    Ok(on!(c, |c| prepared(diesel::delete(key)).execute(c))? == 1)
}

/// Deletes all keys of a user, whose row is locked.
pub async fn delete_all(c: &mut Connection, user: UserId) -> Result<(), DbError> {
    let own = api_keys::table.filter(api_keys::user_id.eq(user.0));
    on!(c, |c| prepared(diesel::delete(own)).execute(c))?;
    Ok(())
}

/// Deletes up to `limit` keys that expired before `before`. Returns how many.
pub async fn delete_expired(c: &mut Connection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let expired = diesel::alias!(api_keys as expired);
    let ids = expired
        .filter(expired.field(api_keys::expires_at).lt(before))
        .limit(limit)
        .select(expired.field(api_keys::id));
    let expired = api_keys::table.filter(api_keys::id.eq_any(ids));
    Ok(on!(c, |c| diesel::delete(expired).execute(c))?)
}

/// The user of a valid key, in one query per authenticated request.
pub async fn find_user(
    c: &mut Connection,
    hash: &ApiKeyHash,
    now: Timestamp,
) -> Result<Option<(User, ValidApiKey)>, DbError> {
    let valid = api_keys::table
        .inner_join(users::table)
        .filter(api_keys::key_hash.eq(hash.0.as_slice()))
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)));
    let found =
        on!(c, |c| prepared(valid.select((User::as_select(), ValidApiKey::as_select()))).get_result(c));
    Ok(found.optional()?)
}

/// Records that a key is used, if nothing was recorded for a while.
pub async fn record_use(c: &mut Connection, id: ApiKeyId, now: Timestamp) -> Result<(), DbError> {
    let before = now.minus(LAST_USED_PRECISION);
    let unrecorded = api_keys::last_used_at.is_null().or(api_keys::last_used_at.le(before));
    let key = api_keys::table.find(id.0).filter(unrecorded);
    on!(c, |c| prepared(diesel::update(key).set(api_keys::last_used_at.eq(Some(now)))).execute(c))?;
    Ok(())
}

impl ValidApiKey {
    /// Whether a use now has to be recorded.
    pub fn must_record_use(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|used| used.plus(LAST_USED_PRECISION) <= now)
    }
}

/// Records that a key is about to write. Of several instances' clocks, the latest wins.
pub async fn record_write(c: &mut Connection, id: ApiKeyId, now: Timestamp) -> Result<(), DbError> {
    let earlier = api_keys::wrote_at.is_null().or(api_keys::wrote_at.lt(now));
    let key = api_keys::table.find(id.0).filter(earlier);
    on!(c, |c| prepared(diesel::update(key).set(api_keys::wrote_at.eq(Some(now)))).execute(c))?;
    Ok(())
}

/// The user of a valid key, to be changed. Both rows are locked to the end of the transaction, the
/// user's first.
pub(super) async fn find_user_for_update(
    c: &mut Connection,
    id: ApiKeyId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    let valid = valid_user(id, user, now);
    let row = on!(c, |c| prepared(for_update(valid.select((User::as_select(),)))).get_result(c));
    Ok(row.optional()?.map(|(user,)| user))
}

/// The user of a valid key, locked against changes to the end of the transaction.
pub(super) async fn find_user_for_share(
    c: &mut Connection,
    id: ApiKeyId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    let valid = valid_user(id, user, now);
    let row = on!(c, |c| prepared(for_share(valid.select((User::as_select(),)))).get_result(c));
    Ok(row.optional()?.map(|(user,)| user))
}

/// The row of a valid key's user, and then of the key.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn valid_user(id: ApiKeyId, user: UserId, now: Timestamp) -> _ {
    let id: i64 = id.0;
    let user: i64 = user.0;
    users::table
        .inner_join(api_keys::table)
        .filter(api_keys::id.eq(id))
        .filter(api_keys::user_id.eq(user))
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)))
}

pub(super) async fn is_live(
    c: &mut Connection,
    id: ApiKeyId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, DbError> {
    let valid = api_keys::table
        .find(id.0)
        .filter(api_keys::user_id.eq(user.0))
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(now)));
    Ok(on!(c, |c| prepared(select(exists(valid))).get_result(c))?)
}
