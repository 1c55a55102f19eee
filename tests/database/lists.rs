//! A list shows what its filter says, whatever the filter: its statement is put together from
//! parts.

use groundwork::domain::email::Email;
use groundwork::domain::permissions::UserRole;
use groundwork::domain::sort::Sort;
use groundwork::models::users::{self, Cursor, NewProfile, NewUser, User, UserFilter};
use groundwork::settings::DatabaseUrl;
use groundwork_clock::Timestamp;
use groundwork_database::Database;

use crate::support::{Backend, TestDatabase, settings};

const INSTANTS: [i64; 3] = [1_000, 2_000, 3_000];
const FLAGS: [bool; 2] = [false, true];
const ASKED: [Option<bool>; 3] = [None, Some(false), Some(true)];

/// One of each kind.
async fn everybody(database: &Database) -> Vec<User> {
    let mut all = Vec::new();
    for (number, instant) in INSTANTS.iter().cycle().take(24).enumerate() {
        let user = NewUser {
            email: Email::parse(&format!("{}{number}@example.com", ["ada", "bob"][number / 12])).unwrap(),
            profile: NewProfile::default(),
            is_active: FLAGS[number / 3 % 2],
            role: if FLAGS[number / 6 % 2] { UserRole::Superuser } else { UserRole::User },
            is_verified: false,
        };
        let hash = "not a hash".to_owned().into();
        let mut connection = database.write().await.unwrap();
        let made = Timestamp::from_seconds(*instant);
        all.push(users::insert(&mut connection, &user, &hash, made).await.unwrap().user);
    }
    all
}

fn filters() -> Vec<UserFilter> {
    let mut all = Vec::new();
    for email_prefix in [None, Some("bob".to_owned())] {
        for (is_active, is_superuser) in ASKED.into_iter().flat_map(|one| ASKED.map(|two| (one, two))) {
            for created_after in [None, Some(Timestamp::from_seconds(2_000))] {
                for created_before in [None, Some(Timestamp::from_seconds(3_000))] {
                    let email_prefix = email_prefix.clone();
                    all.push(UserFilter {
                        email_prefix,
                        is_active,
                        is_superuser,
                        created_after,
                        created_before,
                    });
                }
            }
        }
    }
    all
}

/// Where a user stands in a list, counted from its end if the newest come first.
fn place(user: &User, filter: &UserFilter, sort: Option<Sort>) -> (Option<i64>, i64) {
    let created = filter.is_by_date(sort).then_some(user.created_at.micros());
    if sort == Some(Sort::NewestFirst) { (created.map(|it| -it), -user.id.0) } else { (created, user.id.0) }
}

fn matches(user: &User, filter: &UserFilter, sort: Option<Sort>, after: Option<&User>) -> bool {
    let place = |user| place(user, filter, sort);
    filter.email_prefix.as_ref().is_none_or(|prefix| user.email.starts_with(prefix))
        && filter.is_active.is_none_or(|asked| user.is_active == asked)
        && filter.is_superuser.is_none_or(|asked| user.is_superuser == asked)
        && filter.created_after.is_none_or(|instant| user.created_at >= instant)
        && filter.created_before.is_none_or(|instant| user.created_at < instant)
        && after.is_none_or(|after| place(user) > place(after))
}

async fn every_filter(backend: Backend) {
    let files = TestDatabase::empty(backend).await;
    let url: DatabaseUrl = files.url.parse().unwrap();
    groundwork::db::migrations::run(&url).await.unwrap();
    let database = Database::new(&(&settings(&files.url, &[])).into()).unwrap();
    let everybody = everybody(&database).await;
    // Others were made at the same instant, before it and after it.
    let middle = &everybody[7];
    // The second time, the texts of the statements are known.
    for _ in 0..2 {
        let sorts = [None, Some(Sort::OldestFirst), Some(Sort::NewestFirst)];
        for (filter, sort) in filters().iter().flat_map(|filter| sorts.map(|sort| (filter, sort))) {
            for after in [None, Some(middle)] {
                let cursor = after.map(|user| {
                    if filter.is_by_date(sort) {
                        Cursor::CreatedAt(user.created_at, user.id)
                    } else {
                        Cursor::Id(user.id)
                    }
                });
                let page = users::page(&mut database.read(), filter, sort, cursor, 100).await.unwrap();
                let found: Vec<_> = page.iter().map(|user| user.id).collect();
                let mut expected: Vec<_> =
                    everybody.iter().filter(|user| matches(user, filter, sort, after)).collect();
                expected.sort_by_key(|user| place(user, filter, sort));
                let expected: Vec<_> = expected.iter().map(|user| user.id).collect();
                assert_eq!(found, expected, "{filter:?} {sort:?} after {cursor:?}");
            }
        }
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn every_filter_lists_exactly_the_matching_users_on_postgresql() {
    every_filter(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_lists_exactly_the_matching_users_on_sqlite() {
    every_filter(Backend::Sqlite).await;
}
