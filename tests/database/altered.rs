//! Tables altered while the service serves, and prepared statements that the server has discarded:
//! no request fails.

use serde_json::json;

use crate::support::client::{PASSWORD, fresh_email};
use crate::support::{Backend, Service};

/// One connection, so that what was prepared is met again.
const ONE_CONNECTION: [(&str, &str); 2] = [("DB_POOL_SIZE", "1"), ("DB_MAX_OVERFLOW", "0")];

/// Each kind of access to the table of users: reads, a list, single writes, and units of several
/// statements.
async fn use_everything(service: &Service) {
    let admin = service.superuser().await;
    let user = service.user().await;
    drop(service.me(&user.access).await.expect(200));
    let path = format!("/api/v1/users/{}", user.id);
    drop(service.call("GET", &path).bearer(&admin.access).send().await.expect(200));
    for query in ["", "?is_active=true", "?created_after=2020-01-01T00:00:00Z"] {
        let list = service.call("GET", &format!("/api/v1/users{query}")).bearer(&admin.access);
        drop(list.send().await.expect(200));
    }
    drop(service.refresh(&user.refresh).await.expect(200));
    drop(service.login(&user.email, PASSWORD).await.expect(200));
    drop(service.register(&fresh_email(), PASSWORD).await.expect(201));
    let change = |body| service.by(&user, "PATCH", "/api/v1/users/me").json(body);
    drop(change(json!({"full_name": "Ada"})).send().await.expect(200));
    let rights =
        service.by(&admin, "PATCH", &path).json(json!({"is_verified": true, "full_name": "Countess"}));
    drop(rights.send().await.expect(200));
    let password = json!({"password": "another battery staple", "current_password": PASSWORD});
    drop(change(password).send().await.expect(200));
    drop(service.by(&admin, "DELETE", &path).send().await.expect(204));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn altering_a_table_while_serving_fails_no_request() {
    let service = Service::start_with(Backend::Postgres, &ONE_CONNECTION).await;
    use_everything(&service).await;
    for length in [300, 310, 320] {
        let alter = format!("ALTER TABLE users ALTER full_name TYPE varchar({length})");
        drop(service.database.sql(&alter).await);
        use_everything(&service).await;
    }
}

/// A column's type changes right before each kind of request, so that each is the first to meet it.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_after_a_schema_change_is_answered() {
    let service = Service::start_with(Backend::Postgres, &ONE_CONNECTION).await;
    use_everything(&service).await;
    let admin = service.superuser().await;
    let mut length = 400;
    let mut alter = async || {
        length += 1;
        drop(
            service.database.sql(&format!("ALTER TABLE users ALTER full_name TYPE varchar({length})")).await,
        );
    };
    for _ in 0..3 {
        let user = service.user().await;
        let path = format!("/api/v1/users/{}", user.id);
        alter().await;
        drop(service.login(&user.email, PASSWORD).await.expect(200));
        alter().await;
        let change = service.by(&user, "PATCH", "/api/v1/users/me").json(json!({"full_name": "Ada"}));
        drop(change.send().await.expect(200));
        alter().await;
        let rights = service.by(&admin, "PATCH", &path).json(json!({"is_superuser": true}));
        drop(rights.send().await.expect(200));
        alter().await;
        let less = service.by(&admin, "PATCH", &path).json(json!({"is_active": false}));
        drop(less.send().await.expect(200));
        alter().await;
        drop(service.by(&admin, "DELETE", &path).send().await.expect(204));
    }
    // A unit of work that was run twice has left its events once.
    let events = "SELECT kind FROM audit_events WHERE kind LIKE '%deleted%'";
    assert_eq!(service.database.rows(events).await.len(), 1 + 3);
}

/// Makes the server forget what is prepared on a connection, once, in the middle of whatever writes
/// to the table.
async fn forget_at(service: &Service, table: &str, events: &str) {
    let forget = format!(
        "CREATE SEQUENCE forgotten_at_{table}; \
         CREATE FUNCTION forget_at_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('forgotten_at_{table}') = 1 THEN EXECUTE 'DEALLOCATE ALL'; END IF; RETURN NULL; END $$; \
         CREATE TRIGGER forget AFTER {events} ON {table} EXECUTE FUNCTION forget_at_{table}()"
    );
    drop(service.database.sql(&forget).await);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn statements_that_the_server_has_discarded_are_prepared_again() {
    let service = Service::start_with(Backend::Postgres, &ONE_CONNECTION).await;
    use_everything(&service).await;
    for (table, events) in [("sessions", "INSERT"), ("audit_events", "INSERT"), ("users", "UPDATE")] {
        forget_at(&service, table, events).await;
        use_everything(&service).await;
    }
    let used = "SELECT COUNT(last_value)::text FROM pg_sequences WHERE sequencename LIKE 'forgotten%'";
    assert_eq!(service.database.sql(used).await.as_deref(), Some("3"), "each trigger has fired");
}
