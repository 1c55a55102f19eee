//! The table `sessions`: one row per login.

mod list;

use std::net::IpAddr;
use std::time::Duration;

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_auth::TokenHash;
use groundwork_clock::Timestamp;
use groundwork_clock::sql::{EarlierOf, earlier_of};
use groundwork_database::{Connection, DbError, for_share, for_update, on, prepared};

pub use list::{Session, SessionCursor, page};

use super::caller_check::{CallerCheck, CheckedWrite};
use super::users::User;
use crate::db::schema::{sessions, users};
use crate::domain::email::Email;
use crate::domain::ids::{SessionId, UserId};

/// The state of a session's refresh tokens. It has no `Debug`: one hash in it is plain bytes.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct RefreshState {
    #[diesel(deserialize_as = i64)]
    pub user_id: UserId,
    /// The hash of the newest refresh token's id.
    #[diesel(deserialize_as = Vec<u8>)]
    pub token_hash: TokenHash,
    /// The hash of the previous one, until the newest pair of tokens is used.
    pub previous_token_hash: Option<Vec<u8>>,
    /// The client's address at the last refresh.
    pub ip: String,
    /// When the newest token was issued: at login or at the last refresh.
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// Where and when tokens are issued to a session.
#[derive(Clone, Debug, Insertable, AsChangeset)]
#[diesel(table_name = sessions, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct SessionUsage<'a> {
    /// The client's address.
    pub ip: String,
    pub user_agent: Option<&'a str>,
    pub last_used_at: Timestamp,
}

/// How long tokens lengthen a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetime {
    /// How long it lives after they are issued.
    pub unused: Duration,
    /// How long it lives at most, however often they are refreshed.
    pub max: Duration,
}

/// More addresses than a person has.
const MAX_ADDRESSES: i64 = 100;

pub async fn insert(
    c: &mut Connection,
    id: SessionId,
    user: UserId,
    token: &TokenHash,
    usage: &SessionUsage<'_>,
    expires_at: Timestamp,
) -> Result<(), DbError> {
    let values = (
        sessions::id.eq(id.0.as_slice()),
        sessions::user_id.eq(user.0),
        sessions::token_hash.eq(token.0.as_slice()),
        sessions::generation.eq(0),
        sessions::created_at.eq(usage.last_used_at),
        sessions::expires_at.eq(expires_at),
        usage,
    );
    on!(c, |c| prepared(diesel::insert_into(sessions::table).values(values)).execute(c))?;
    Ok(())
}

/// A live session as authentication sees it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct LiveSession {
    /// When it last wrote, as far as recorded, for reads from replicas.
    pub wrote_at: Option<Timestamp>,
    /// The hash of the access token from the last refresh, until it is first used.
    pub unused_access_hash: Option<Vec<u8>>,
}

/// The user of a live session, in one query per authenticated request.
pub async fn find_user(
    c: &mut Connection,
    id: SessionId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<(User, LiveSession)>, DbError> {
    let query = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(id.0.as_slice()))
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now));
    let found =
        on!(c, |c| prepared(query.select((User::as_select(), LiveSession::as_select()))).get_result(c));
    Ok(found.optional()?)
}

/// The user of a live session, to be changed. Both rows are locked to the end of the transaction,
/// the user's first.
pub(super) async fn find_user_for_update(
    c: &mut Connection,
    id: SessionId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    let live = live_user(&id, user, now);
    let row = on!(c, |c| prepared(for_update(live.select((User::as_select(),)))).get_result(c));
    Ok(row.optional()?.map(|(user,)| user))
}

/// The user of a live session, locked against changes to the end of the transaction. Other
/// transactions of the same user may do so at the same time.
pub(super) async fn find_user_for_share(
    c: &mut Connection,
    id: SessionId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    let live = live_user(&id, user, now);
    let row = on!(c, |c| prepared(for_share(live.select((User::as_select(),)))).get_result(c));
    Ok(row.optional()?.map(|(user,)| user))
}

/// The row of a live session's user, and then of the session.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn live_user<'a>(id: &'a SessionId, user: UserId, now: Timestamp) -> _ {
    let id: &'a [u8] = id.0.as_slice();
    let user: i64 = user.0;
    users::table
        .inner_join(sessions::table)
        .filter(sessions::id.eq(id))
        .filter(sessions::user_id.eq(user))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now))
}

pub async fn is_live(
    c: &mut Connection,
    id: SessionId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, DbError> {
    let live = sessions::table
        .find(id.0.as_slice())
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(now));
    Ok(on!(c, |c| prepared(select(exists(live))).get_result(c))?)
}

/// Records that a session is about to write. Of several instances' clocks, the latest wins.
pub async fn record_write(c: &mut Connection, id: SessionId, now: Timestamp) -> Result<(), DbError> {
    let earlier = sessions::wrote_at.is_null().or(sessions::wrote_at.lt(now));
    let session = sessions::table.find(id.0.as_slice()).filter(earlier);
    on!(c, |c| prepared(diesel::update(session).set(sessions::wrote_at.eq(Some(now)))).execute(c))?;
    Ok(())
}

/// The session in whatever state it is.
pub async fn find(c: &mut Connection, id: SessionId) -> Result<Option<RefreshState>, DbError> {
    let session = sessions::table.find(id.0.as_slice());
    Ok(on!(c, |c| prepared(session.select(RefreshState::as_select())).get_result(c)).optional()?)
}

/// The hashes of a presented refresh token and of the tokens that replace it.
pub struct Rotation {
    pub presented: TokenHash,
    pub successor: TokenHash,
    pub access: TokenHash,
}

/// Replaces the newest refresh token by its successor if the presented one is the newest of a live
/// session of an active user. One statement decides, so one of any number of concurrent calls
/// succeeds. Returns until when the session lives; `None` if the token was not replaced.
pub async fn rotate(
    c: &mut Connection,
    id: SessionId,
    user: UserId,
    rotation: &Rotation,
    usage: &SessionUsage<'_>,
    lifetime: SessionLifetime,
) -> Result<Option<Timestamp>, DbError> {
    let Rotation { presented, successor, access } = rotation;
    // One row: for `user_id IN (SELECT …)` SQLite would list all active users.
    let active = users::table.filter(users::id.eq(user.0)).filter(users::is_active);
    let current = sessions::table
        .find(id.0.as_slice())
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::token_hash.eq(presented.0.as_slice()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(usage.last_used_at))
        .filter(sessions::created_at.gt(usage.last_used_at.minus(lifetime.max)))
        .filter(exists(active));
    let update = diesel::update(current).set((
        sessions::previous_token_hash.eq(Some(presented.0.as_slice())),
        sessions::token_hash.eq(successor.0.as_slice()),
        sessions::unused_access_hash.eq(Some(access.0.as_slice())),
        sessions::generation.eq(sessions::generation + 1),
        sessions::expires_at.eq(lifetime.end_after(usage.last_used_at)),
        usage,
    ));
    Ok(on!(c, |c| prepared(update.returning(sessions::expires_at)).get_result(c)).optional()?)
}

impl SessionLifetime {
    /// When a session ends whose tokens are issued at `issued`.
    fn end_after(self, issued: Timestamp) -> EarlierOf<sessions::created_at> {
        earlier_of(sessions::created_at, self.max, issued.plus(self.unused))
    }
}

/// Records that the last refresh of a session is repeated, if `parent` is the token before the
/// newest and no token of the newest pair has been used. Returns until when the session lives;
/// `None` if that is not so.
pub async fn repeat(
    c: &mut Connection,
    id: SessionId,
    user: UserId,
    parent: &TokenHash,
    usage: &SessionUsage<'_>,
    lifetime: SessionLifetime,
) -> Result<Option<Timestamp>, DbError> {
    let active = users::table.filter(users::id.eq(user.0)).filter(users::is_active);
    let waiting = sessions::table
        .find(id.0.as_slice())
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::previous_token_hash.eq(parent.0.as_slice()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::created_at.gt(usage.last_used_at.minus(lifetime.max)))
        .filter(exists(active));
    let expires_at = sessions::expires_at.eq(lifetime.end_after(usage.last_used_at));
    let update = diesel::update(waiting).set((usage, expires_at)).returning(sessions::expires_at);
    Ok(on!(c, |c| prepared(update).get_result(c)).optional()?)
}

/// The user of a session, whether it is live or not.
pub async fn find_owner(c: &mut Connection, id: SessionId) -> Result<Option<UserId>, DbError> {
    let owner = sessions::table.find(id.0.to_vec()).select(sessions::user_id);
    let owner: Option<i64> = on!(c, |c| prepared(owner).get_result(c)).optional()?;
    Ok(owner.map(UserId))
}

/// Records the first use of the access token with this hash, which the last refresh issued: from
/// now on, the refresh token before the newest is a replay.
pub async fn confirm_refresh(c: &mut Connection, id: SessionId, access: &TokenHash) -> Result<(), DbError> {
    let unused =
        sessions::table.find(id.0.as_slice()).filter(sessions::unused_access_hash.eq(access.0.as_slice()));
    let none =
        (sessions::previous_token_hash.eq(None::<&[u8]>), sessions::unused_access_hash.eq(None::<&[u8]>));
    on!(c, |c| prepared(diesel::update(unused).set(none)).execute(c))?;
    Ok(())
}

/// The addresses of the latest sessions of the user with this email that have not expired. Revoked
/// sessions count too.
pub async fn addresses_of(c: &mut Connection, email: &Email, now: Timestamp) -> Result<Vec<IpAddr>, DbError> {
    let query = sessions::table
        .inner_join(users::table)
        .filter(users::email.eq(email))
        .filter(sessions::expires_at.gt(now))
        .order(sessions::last_used_at.desc())
        .limit(MAX_ADDRESSES)
        .select(sessions::ip);
    let addresses: Vec<String> = on!(c, |c| prepared(query).load(c))?;
    Ok(addresses.iter().filter_map(|address| address.parse().ok()).collect())
}

/// Revokes a session. Returns whether it was live.
pub async fn revoke(c: &mut Connection, id: SessionId, now: Timestamp) -> Result<bool, DbError> {
    let live = sessions::table.find(id.0.as_slice()).filter(sessions::revoked_at.is_null());
    Ok(on!(c, |c| prepared(diesel::update(live).set(sessions::revoked_at.eq(Some(now)))).execute(c))? == 1)
}

/// Revokes the caller's own session. Returns whether it was live.
pub async fn revoke_own(write: &mut CheckedWrite<'_>, session: SessionId) -> Result<bool, DbError> {
    let CheckedWrite { connection: c, check: CallerCheck { user, now, .. } } = write;
    let active = users::table.filter(users::id.eq(user.0)).filter(users::is_active);
    let live = sessions::table
        .find(session.0.as_slice())
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::revoked_at.is_null())
        .filter(exists(active));
    Ok(on!(c, |c| prepared(diesel::update(live).set(sessions::revoked_at.eq(Some(*now)))).execute(c))? == 1)
}

/// Revokes a session of a user that has not expired. Returns whether it was live.
pub async fn revoke_of(
    c: &mut Connection,
    id: SessionId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, DbError> {
    let live = sessions::table
        .find(id.0.as_slice())
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::revoked_at.is_null());
    Ok(on!(c, |c| prepared(diesel::update(live).set(sessions::revoked_at.eq(Some(now)))).execute(c))? == 1)
}

/// Revokes every other session of a user that has not expired. Returns how many were live.
pub async fn revoke_others(
    c: &mut Connection,
    user: UserId,
    kept: SessionId,
    now: Timestamp,
) -> Result<usize, DbError> {
    let others = sessions::table
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::id.ne(kept.0.as_slice()))
        .filter(sessions::expires_at.gt(now))
        .filter(sessions::revoked_at.is_null());
    Ok(on!(c, |c| prepared(diesel::update(others).set(sessions::revoked_at.eq(Some(now)))).execute(c))?)
}

/// Revokes every session of a user. Returns how many were live.
pub async fn revoke_all(c: &mut Connection, user: UserId, now: Timestamp) -> Result<usize, DbError> {
    let live = sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::revoked_at.is_null());
    Ok(on!(c, |c| prepared(diesel::update(live).set(sessions::revoked_at.eq(Some(now)))).execute(c))?)
}

/// Deletes up to `limit` expired sessions of any users. Returns how many.
///
/// It scans the table, once per day. An index on `expires_at` would be written by each refresh,
/// which today changes no indexed column.
pub async fn delete_all_expired(c: &mut Connection, now: Timestamp, limit: i64) -> Result<usize, DbError> {
    let expired = diesel::alias!(sessions as expired);
    let ids = expired
        .filter(expired.field(sessions::expires_at).le(now))
        .limit(limit)
        .select(expired.field(sessions::id));
    let expired = sessions::table.filter(sessions::id.eq_any(ids));
    Ok(on!(c, |c| diesel::delete(expired).execute(c))?)
}
