//! Lists of users: filters, orders and pages.

use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_clock::sql::Timestamptz;
use groundwork_database::{Connection, DbError, on, prepared};

use super::Profile;
use crate::db::schema::users;
use crate::domain::ids::UserId;
use crate::domain::sort::Sort;

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
