//! A unit of work happens as a whole or not at all.

use std::time::Duration;

use groundwork::domain::email::Email;
use groundwork::domain::permissions::UserRole;
use groundwork::models::users::{self, NewProfile, NewUser};
use groundwork::settings::DatabaseUrl;
use groundwork_clock::Clock;
use groundwork_database::{Connection, Database, DbError};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::client::{Answer, PASSWORD, fresh_email};
use crate::support::{Backend, Service, TestDatabase, settings};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(10);
/// How many connections a test's pool for writing has.
const POSTGRES_CONNECTIONS: usize = 3;

struct Fixture {
    database: Database,
    files: TestDatabase,
}

impl Fixture {
    async fn new(backend: Backend) -> Self {
        let files = TestDatabase::empty(backend).await;
        let url: DatabaseUrl = files.url.parse().unwrap();
        groundwork::db::migrations::run(&url).await.unwrap();
        let pool = [("DB_POOL_SIZE", "1".to_owned()), ("DB_MAX_OVERFLOW", "2".to_owned())];
        Self { database: Database::new(&(&settings(&files.url, &pool)).into()).unwrap(), files }
    }

    async fn count(&self) -> String {
        self.files.sql("SELECT CAST(COUNT(*) AS TEXT) AS value FROM users").await.unwrap()
    }

    /// Fails unless every connection of the pools can be had at the same time, and works.
    async fn expect_all_connections(&self) {
        let (writers, readers) = match self.files.backend {
            Backend::Postgres => (POSTGRES_CONNECTIONS, 0),
            Backend::Sqlite => (1, 4),
        };
        let mut held = Vec::new();
        for _ in 0..writers {
            held.push(timeout(LONG, self.database.write()).await.expect("a connection").unwrap());
        }
        for _ in 0..readers {
            held.push(self.database.read());
        }
        for connection in &mut held {
            let email = Email::parse(&fresh_email()).unwrap();
            let found = timeout(LONG, users::find_by_email(connection, &email)).await.expect("an answer");
            assert!(found.unwrap().is_none());
        }
    }
}

async fn insert(connection: &mut Connection, email: &str) -> Result<(), DbError> {
    let user = NewUser {
        email: Email::parse(email).unwrap(),
        profile: NewProfile::default(),
        is_active: true,
        role: UserRole::User,
        is_verified: false,
    };
    users::insert(connection, &user, &"not a hash".to_owned().into(), Clock::default().now()).await.map(drop)
}

macro_rules! on_both_fixtures {
    ($( async fn $name:ident($fixture:ident: Fixture) $body:block )+) => {$(
        mod $name {
            use super::*;

            async fn run($fixture: Fixture) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                run(Fixture::new(Backend::Sqlite).await).await;
            }

            #[ignore = "needs PostgreSQL"]
            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgresql() {
                run(Fixture::new(Backend::Postgres).await).await;
            }
        }
    )+};
}

#[derive(Debug)]
enum Failure {
    Rule,
    Database(DbError),
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

on_both_fixtures! {
    async fn a_unit_of_work_that_succeeds_is_committed(fixture: Fixture) {
        let value = fixture.database.transaction(async |tx| {
            insert(tx, "one@example.com").await?;
            insert(tx, "two@example.com").await?;
            Ok::<_, DbError>(7)
        });
        assert_eq!(value.await.unwrap(), 7);
        assert_eq!(fixture.count().await, "2");
        fixture.expect_all_connections().await;
    }

    async fn a_rule_violated_half_way_rolls_everything_back(fixture: Fixture) {
        let refused = fixture.database.transaction(async |tx| {
            insert(tx, "one@example.com").await?;
            Err::<(), _>(Failure::Rule)
        });
        assert!(matches!(refused.await, Err(Failure::Rule)));
        assert_eq!(fixture.count().await, "0");
        insert(&mut fixture.database.write().await.unwrap(), "one@example.com").await.unwrap();
        assert_eq!(fixture.count().await, "1");
        fixture.expect_all_connections().await;
    }

    async fn a_statement_that_fails_half_way_rolls_everything_back(fixture: Fixture) {
        // More often than there are connections, so that one that was left broken would show.
        for _ in 0..2 * POSTGRES_CONNECTIONS {
            let failed = fixture.database.transaction(async |tx| {
                insert(tx, "one@example.com").await?;
                insert(tx, "one@example.com").await?;
                Ok::<_, Failure>(())
            });
            let failed = failed.await;
            assert!(matches!(&failed, Err(Failure::Database(DbError::Unique { .. }))), "{failed:?}");
            assert_eq!(fixture.count().await, "0");
        }
        insert(&mut fixture.database.write().await.unwrap(), "one@example.com").await.unwrap();
        fixture.expect_all_connections().await;
    }

    async fn a_caller_cancelled_half_way_rolls_everything_back(fixture: Fixture) {
        for _ in 0..2 * POSTGRES_CONNECTIONS {
            let (tell, mut told) = mpsc::channel(1);
            let database = fixture.database.clone();
            let caller = tokio::spawn(async move {
                database.transaction(async |tx| {
                    insert(tx, "one@example.com").await?;
                    tell.send(()).await.unwrap();
                    std::future::pending::<Result<(), DbError>>().await
                }).await
            });
            timeout(LONG, told.recv()).await.expect("the first statement is done").unwrap();
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
            assert_eq!(fixture.count().await, "0");
        }
        fixture.expect_all_connections().await;
        // Nothing of it holds a lock, either.
        timeout(LONG, async {
            insert(&mut fixture.database.write().await.unwrap(), "one@example.com").await.unwrap();
        }).await.expect("the row is free");
        assert_eq!(fixture.count().await, "1");
    }

    async fn a_caller_cancelled_at_any_moment_leaves_all_or_nothing(fixture: Fixture) {
        // Polled n times and dropped: within BEGIN, within a statement, within COMMIT.
        let mut finished = false;
        for polls in 1..60 {
            let work = fixture.database.transaction(async |tx| {
                insert(tx, &format!("one{polls}@example.com")).await?;
                insert(tx, &format!("two{polls}@example.com")).await
            });
            let mut work = Box::pin(work);
            let mut left = polls;
            let done = timeout(LONG, std::future::poll_fn(|context| {
                left -= 1;
                match work.as_mut().poll(context) {
                    std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
                    std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                    std::task::Poll::Pending => std::task::Poll::Pending,
                }
            })).await.expect("an end");
            drop(work);
            if let Some(done) = done {
                done.unwrap();
                finished = true;
                break;
            }
        }
        assert!(finished, "some unit of work ran to its end");
        fixture.expect_all_connections().await;
        let halves = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM users u WHERE NOT EXISTS (SELECT 1 FROM users o \
                      WHERE o.id <> u.id AND SUBSTR(o.email, 4) = SUBSTR(u.email, 4))";
        assert_eq!(fixture.files.sql(halves).await.unwrap(), "0");
        assert_ne!(fixture.count().await, "0");
    }

    async fn a_second_user_with_an_email_is_a_unique_violation_that_names_the_constraint(fixture: Fixture) {
        let mut connection = fixture.database.write().await.unwrap();
        insert(&mut connection, "one@example.com").await.unwrap();
        let second = insert(&mut connection, "one@example.com").await;
        assert!(
            matches!(&second, Err(DbError::Unique { constraint }) if constraint == users::EMAIL_KEY),
            "{second:?}"
        );
        assert_eq!(users::EMAIL_KEY, "users_email_key");
    }
}

/// All there is of users and sessions.
async fn contents(service: &Service) -> Vec<Option<String>> {
    let users = "SELECT CAST(id AS TEXT) || email || password_hash || COALESCE(full_name, '') || \
                 CAST(is_active AS TEXT) || CAST(is_superuser AS TEXT) || CAST(updated_at AS TEXT) AS value \
                 FROM users ORDER BY id";
    let sessions = "SELECT CAST(user_id AS TEXT) || ' ' || CAST(created_at AS TEXT) || ' ' || \
                    COALESCE(CAST(revoked_at AS TEXT), 'live') AS value FROM sessions ORDER BY 1";
    let mut contents = service.database.rows(users).await;
    contents.extend(service.database.rows(sessions).await);
    contents
}

/// Fails unless this is the error without its cause.
fn expect_nothing_leaked(answer: Answer) {
    let text = answer.text.to_lowercase();
    for word in ["audit", "relation", "table", "sql", "insert", "diesel", "exist", "transaction"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let body = answer.expect_error(500, "internal_error");
    assert_eq!(body.as_object().unwrap().len(), 4, "{body}");
}

on_both! {
    async fn a_change_whose_audit_event_cannot_be_written_is_rolled_back(service: Service) {
        let admin = service.superuser().await;
        let user = service.user().await;
        let before = contents(&service).await;
        service.database.sql("ALTER TABLE audit_events RENAME TO audit_events_away").await;

        let one = format!("/api/v1/users/{}", user.id);
        let created = json!({"email": "new@example.com", "password": PASSWORD});
        let password = json!({"password": "another battery staple"});
        let own_password = json!({"password": "another battery staple", "current_password": PASSWORD});
        let calls = [
            service.call("DELETE", &one).bearer(&admin.access),
            service.call("PATCH", &one).bearer(&admin.access).json(password),
            service.call("PATCH", &format!("{one}/deactivate")).bearer(&admin.access),
            service.call("POST", "/api/v1/users").bearer(&admin.access).json(created),
            service.call("PATCH", "/api/v1/users/me").bearer(&user.access).json(own_password),
            service.call("DELETE", "/api/v1/users/me").bearer(&user.access),
        ];
        for call in calls {
            expect_nothing_leaked(call.send().await);
            assert_eq!(contents(&service).await, before);
        }

        // What is not recorded goes on, and once the trouble is over, so does the rest.
        service.me(&user.access).await.expect(200);
        service.database.sql("ALTER TABLE audit_events_away RENAME TO audit_events").await;
        service.call("DELETE", &one).bearer(&admin.access).send().await.expect(204);
        service.me(&user.access).await.expect_error(401, "invalid_token");
    }

    async fn deleting_a_user_deletes_the_sessions_of_that_user(service: Service) {
        let user = service.user().await;
        let other = service.user().await;
        service.log_in_again(&user.email, user.id).await;
        let owners = "SELECT CAST(user_id AS TEXT) AS value FROM sessions ORDER BY 1";
        assert_eq!(service.database.rows(owners).await.len(), 3);
        service.call("DELETE", "/api/v1/users/me").bearer(&user.access).send().await.expect(204);
        assert_eq!(service.database.rows(owners).await, [Some(other.id.to_string())]);
    }

    async fn the_id_of_a_deleted_user_is_never_reused(service: Service) {
        for _ in 0..3 {
            let user = service.user().await;
            service.call("DELETE", "/api/v1/users/me").bearer(&user.access).send().await.expect(204);
            let next = service.user().await;
            assert!(next.id > user.id, "{next:?} after {user:?}");
            service.call("DELETE", "/api/v1/users/me").bearer(&next.access).send().await.expect(204);
        }
    }
}
