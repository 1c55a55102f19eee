//! The table `idempotency_keys`: the answers to requests with a key, of each user and operation.

use diesel::prelude::*;
use diesel::query_dsl::methods;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, on, prepared};

use crate::db::schema::idempotency_keys;
use crate::domain::ids::UserId;

/// Whose key it is, for which operation.
#[derive(Clone, Copy, Debug)]
pub struct KeyOwner<'a> {
    pub user: UserId,
    pub operation: &'a str,
    pub key: &'a str,
}

/// What a request with a key was answered with.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = idempotency_keys, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct StoredAnswer {
    /// Stands for the request, which cannot be told from it.
    pub fingerprint: String,
    pub answer: String,
}

pub async fn find(
    c: &mut Connection,
    owner: KeyOwner<'_>,
    now: Timestamp,
) -> Result<Option<StoredAnswer>, DbError> {
    let stored = idempotency_keys::table
        .find((owner.user.0, owner.operation, owner.key))
        .filter(idempotency_keys::expires_at.gt(now));
    Ok(on!(c, |c| prepared(stored.select(StoredAnswer::as_select())).get_result(c)).optional()?)
}

/// Stores an answer, in place of an expired one. Returns whether it did: another request with the
/// key may have been answered.
pub async fn insert(
    c: &mut Connection,
    owner: KeyOwner<'_>,
    stored: &StoredAnswer,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, DbError> {
    let insert = diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::user_id.eq(owner.user.0),
            idempotency_keys::operation.eq(owner.operation),
            idempotency_keys::key.eq(owner.key),
            idempotency_keys::fingerprint.eq(&stored.fingerprint),
            idempotency_keys::answer.eq(&stored.answer),
            idempotency_keys::expires_at.eq(expires_at),
        ))
        .on_conflict((idempotency_keys::user_id, idempotency_keys::operation, idempotency_keys::key))
        .do_update()
        .set((
            idempotency_keys::fingerprint.eq(excluded(idempotency_keys::fingerprint)),
            idempotency_keys::answer.eq(excluded(idempotency_keys::answer)),
            idempotency_keys::expires_at.eq(excluded(idempotency_keys::expires_at)),
        ));
    let insert = methods::FilterDsl::filter(insert, idempotency_keys::expires_at.le(now));
    Ok(on!(c, |c| prepared(insert).execute(c))? == 1)
}

/// Deletes expired answers of any users: those that expired at `limit` instants. Returns how many.
pub async fn delete_expired(c: &mut Connection, now: Timestamp, limit: i64) -> Result<usize, DbError> {
    let expired = diesel::alias!(idempotency_keys as expired);
    let instants = expired
        .filter(expired.field(idempotency_keys::expires_at).le(now))
        .limit(limit)
        .select(expired.field(idempotency_keys::expires_at));
    let expired = idempotency_keys::table.filter(idempotency_keys::expires_at.eq_any(instants));
    Ok(on!(c, |c| diesel::delete(expired).execute(c))?)
}
