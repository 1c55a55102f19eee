//! The table `user_networks`: where users have logged in from.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, at_commit, on, prepared};

use crate::db::schema::user_networks;
use crate::domain::ids::UserId;
use crate::domain::network::Network;

/// What is known of a network that a user logs in from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkUse {
    /// When the user last logged in from it; `None` for a new one. Only the day is kept up to date.
    pub last_used_at: Option<Timestamp>,
    /// Whether any network of the user is known.
    pub has_any: bool,
}

/// Records a login from a network, at the end of the transaction.
pub async fn record(
    c: &mut Connection,
    user: UserId,
    network: &Network,
    now: Timestamp,
) -> Result<(), DbError> {
    let last_used_at = user_networks::last_used_at.eq(now);
    let key = (user_networks::user_id.eq(user.0), user_networks::network.eq(network.as_str()));
    let insert = || {
        diesel::insert_into(user_networks::table)
            .values((key, last_used_at))
            .on_conflict((user_networks::user_id, user_networks::network))
            .do_update()
            .set(last_used_at)
    };
    at_commit!(c, prepared(insert()))?;
    Ok(())
}

/// Deletes up to `limit` networks that were last used before `before`, except the last one of each
/// user: without it, the next login would seem to be the first. Returns how many.
pub async fn delete_unused(c: &mut Connection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let (unused, later, newest) =
        diesel::alias!(user_networks as unused, user_networks as later, user_networks as newest);
    let is_not_last = later
        .filter(later.field(user_networks::user_id).eq(unused.field(user_networks::user_id)))
        .filter(later.field(user_networks::last_used_at).gt(unused.field(user_networks::last_used_at)));
    let users = unused
        .filter(unused.field(user_networks::last_used_at).lt(before))
        .filter(exists(is_not_last))
        .limit(limit)
        .select(unused.field(user_networks::user_id));
    let is_not_last = newest
        .filter(newest.field(user_networks::user_id).eq(user_networks::user_id))
        .filter(newest.field(user_networks::last_used_at).gt(user_networks::last_used_at));
    let rows = user_networks::table
        .filter(user_networks::user_id.eq_any(users))
        .filter(user_networks::last_used_at.lt(before))
        .filter(exists(is_not_last));
    Ok(on!(c, |c| diesel::delete(rows).execute(c))?)
}
