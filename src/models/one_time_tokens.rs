//! The table `one_time_tokens`: of each user and purpose, the newest token that was sent.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, at_commit, on, prepared};

use crate::db::schema::one_time_tokens;
use crate::domain::ids::UserId;
use crate::domain::one_time_token::{OneTimeToken, TokenPurpose};

/// The user of a token, and the address that it was sent to.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = one_time_tokens, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct TokenSubject {
    #[diesel(deserialize_as = i64)]
    pub user_id: UserId,
    pub email: String,
}

/// Stores a token in place of the user's previous one for this purpose.
pub async fn replace(
    c: &mut Connection,
    purpose: TokenPurpose,
    subject: &TokenSubject,
    token: &OneTimeToken,
    now: Timestamp,
) -> Result<(), DbError> {
    let newest = (
        one_time_tokens::token_hash.eq(token.hash()),
        one_time_tokens::email.eq(&subject.email),
        one_time_tokens::expires_at.eq(now.plus(purpose.lifetime())),
        one_time_tokens::created_at.eq(now),
    );
    let owner = (one_time_tokens::user_id.eq(subject.user_id.0), one_time_tokens::kind.eq(purpose.as_str()));
    let insert = diesel::insert_into(one_time_tokens::table)
        .values((owner, newest.clone()))
        .on_conflict((one_time_tokens::user_id, one_time_tokens::kind))
        .do_update()
        .set(newest);
    on!(c, |c| prepared(insert).execute(c))?;
    Ok(())
}

/// The subject of a valid token, which stays valid.
pub async fn find(
    c: &mut Connection,
    purpose: TokenPurpose,
    token: &OneTimeToken,
    now: Timestamp,
) -> Result<Option<TokenSubject>, DbError> {
    let valid = one_time_tokens::table
        .filter(one_time_tokens::token_hash.eq(token.hash()))
        .filter(one_time_tokens::kind.eq(purpose.as_str()))
        .filter(one_time_tokens::expires_at.gt(now));
    Ok(on!(c, |c| prepared(valid.select(TokenSubject::as_select())).get_result(c)).optional()?)
}

/// Uses a token up. Returns its subject; `None` if it is not valid. One statement decides, so one of
/// any number of concurrent calls succeeds.
pub async fn take(
    c: &mut Connection,
    purpose: TokenPurpose,
    token: &OneTimeToken,
    now: Timestamp,
) -> Result<Option<TokenSubject>, DbError> {
    let valid = one_time_tokens::table
        .filter(one_time_tokens::token_hash.eq(token.hash()))
        .filter(one_time_tokens::kind.eq(purpose.as_str()))
        .filter(one_time_tokens::expires_at.gt(now));
    let delete = diesel::delete(valid);
    Ok(on!(c, |c| prepared(delete.returning(TokenSubject::as_returning())).get_result(c)).optional()?)
}

/// Deletes all tokens of a user.
pub async fn delete_all(c: &mut Connection, user: UserId) -> Result<(), DbError> {
    let own = one_time_tokens::table.filter(one_time_tokens::user_id.eq(user.0));
    on!(c, |c| prepared(diesel::delete(own)).execute(c))?;
    Ok(())
}

/// Makes a user's pending change of its email invalid.
pub async fn cancel_email_change(c: &mut Connection, user: UserId) -> Result<(), DbError> {
    let pending = one_time_tokens::table
        .filter(one_time_tokens::user_id.eq(user.0))
        .filter(one_time_tokens::kind.eq(TokenPurpose::ConfirmEmail.as_str()));
    at_commit!(c, prepared(diesel::delete(pending)))?;
    Ok(())
}

/// Deletes up to `limit` expired tokens of any users. Returns how many.
pub async fn delete_expired(c: &mut Connection, now: Timestamp, limit: i64) -> Result<usize, DbError> {
    let expired = diesel::alias!(one_time_tokens as expired);
    let hashes = expired
        .filter(expired.field(one_time_tokens::expires_at).le(now))
        .limit(limit)
        .select(expired.field(one_time_tokens::token_hash));
    let expired = one_time_tokens::table.filter(one_time_tokens::token_hash.eq_any(hashes));
    Ok(on!(c, |c| diesel::delete(expired).execute(c))?)
}
