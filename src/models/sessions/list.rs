//! Sessions as their user sees them, page by page.

use std::iter;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool};
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_clock::sql::Timestamptz;
use groundwork_database::{Connection, DbError, on, prepared};

use crate::db::schema::sessions;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::sort::Sort;

/// A session as its user sees it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct Session {
    #[diesel(deserialize_as = Vec<u8>)]
    pub id: SessionId,
    pub created_at: Timestamp,
    /// When tokens were last issued.
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    /// The client's address at that time.
    pub ip: String,
    pub user_agent: Option<String>,
}

/// The last session of a page, behind which the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCursor(pub Timestamp, pub SessionId);

impl SessionCursor {
    /// Before all sessions.
    const OLDEST: Self = Self(Timestamp::from_seconds(0), SessionId([0; 16]));
    /// After all sessions: the end of the year 9999, which both databases can store.
    const NEWEST: Self = Self(Timestamp::from_seconds(253_402_300_799), SessionId([u8::MAX; 16]));

    /// The values that the list is sorted by, as numbers.
    pub fn sort_key(self) -> Vec<i64> {
        let halves = self.1.0.as_chunks().0.iter().copied().map(i64::from_be_bytes);
        iter::once(self.0.micros()).chain(halves).collect()
    }

    /// The cursor with this sort key.
    pub fn at(sort_key: &[i64]) -> Option<Self> {
        let [created, upper, lower] = *sort_key else { return None };
        let mut id = [0; 16];
        id[..8].copy_from_slice(&upper.to_be_bytes());
        id[8..].copy_from_slice(&lower.to_be_bytes());
        Some(Self(Timestamp::from_micros(created), SessionId(id)))
    }
}

/// Up to `limit` live sessions of a user behind the cursor in this order.
pub async fn page(
    c: &mut Connection,
    user: UserId,
    sort: Sort,
    after: Option<SessionCursor>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Session>, DbError> {
    // Compared as rows, as in the list of users.
    let (behind, start) = match sort {
        Sort::OldestFirst => (" > (", SessionCursor::OLDEST),
        Sort::NewestFirst => (" < (", SessionCursor::NEWEST),
    };
    let SessionCursor(created, id) = after.unwrap_or(start);
    Ok(on!(c, |c| {
        let rest = sql::<Bool>("(\"sessions\".\"created_at\", \"sessions\".\"id\")")
            .sql(behind)
            .bind::<Timestamptz, _>(created)
            .sql(", ")
            .bind::<Binary, _>(id.0.to_vec())
            .sql(")");
        let query = sessions::table
            .filter(sessions::user_id.eq(user.0))
            .filter(rest)
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .limit(limit)
            .select(Session::as_select())
            .into_boxed();
        let query = match sort {
            Sort::OldestFirst => query.order((sessions::created_at.asc(), sessions::id.asc())),
            Sort::NewestFirst => query.order((sessions::created_at.desc(), sessions::id.desc())),
        };
        prepared(query).load(c)
    })?)
}
