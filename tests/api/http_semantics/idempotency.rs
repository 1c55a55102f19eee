//! `Idempotency-Key`: a request that is sent again has its effect once.

use std::time::Duration;

use diesel_async::RunQueryDsl;
use futures_util::future::{Either, join_all, select};
use groundwork_database::{Database, DbError, on};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::taking;
use crate::api::operations::{Operation, Target};
use crate::support::client::{Answer, PASSWORD, TestUser, fresh_email};
use crate::support::{Backend, Call, Service};

const KEY: &str = "idempotency-key";

/// A call with a key, of a caller who may make it.
struct Keyed {
    operation: &'static Operation,
    root: TestUser,
    path: String,
    body: Option<Value>,
}

impl Keyed {
    async fn new(service: &Service, operation: &'static Operation) -> Self {
        let (root, other) = (service.superuser().await, service.user().await);
        let target = operation.target_for(service, &root, &other).await;
        let body = operation.body.map(|body| body(&target.user));
        Self { operation, path: operation.path(&target), root, body }
    }

    fn call_on(&self, url: &str, key: &str) -> Call {
        let call =
            Call::new(url, self.operation.method, &self.path).bearer(&self.root.access).header(KEY, key);
        match &self.body {
            Some(body) => call.json(body.clone()),
            None => call,
        }
    }

    fn call(&self, service: &Service, key: &str) -> Call {
        self.call_on(&service.instance.url, key)
    }
}

#[track_caller]
fn assert_replayed(first: &Answer, again: &Answer) {
    assert_eq!(first.header("idempotency-replayed"), "", "{first:?}");
    assert_eq!(again.header("idempotency-replayed"), "true", "{again:?}");
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(first.header(name), again.header(name), "{name}");
    }
}

/// Holds what every unit of work of a caller waits for.
async fn hold(service: &Service) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let database = Database::new(&(&service.settings()).into()).unwrap();
    let (held, is_held) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let holding = tokio::spawn(async move {
        let ends = std::sync::Mutex::new(Some((held, released)));
        let ends = &ends;
        let held = database.transaction(async |tx| {
            on!(tx, |c| diesel::sql_query("UPDATE users SET updated_at = updated_at").execute(c))?;
            let (held, released) = ends.lock().unwrap().take().unwrap();
            held.send(()).unwrap();
            drop(released.await);
            Err::<(), DbError>(DbError::Tls("rolled back".to_owned()))
        });
        held.await.unwrap_err();
    });
    is_held.await.unwrap();
    (release, holding)
}

fn user_body() -> Value {
    json!({"email": fresh_email(), "password": PASSWORD})
}

fn create(service: &Service, root: &TestUser, key: &str, body: &Value) -> Call {
    service.by(root, "POST", "/api/v1/users").header(KEY, key).json(body.clone())
}

/// How many answers are stored.
async fn stored_answers(service: &Service) -> String {
    let count = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM idempotency_keys";
    service.database.sql(count).await.unwrap()
}

/// A body that means the same: unknown fields are ignored.
fn another(mut body: Value) -> Value {
    body["unknown"] = true.into();
    body
}

on_both! {
    async fn a_request_that_is_sent_again_gets_its_first_answer_and_changes_nothing(service: Service) {
        let mut checked = 0;
        for operation in taking("Idempotency-Key") {
            let request = Keyed::new(&service, operation).await;
            let first = request.call(&service, "a key").send().await.expect(operation.success);
            let before = service.stored().await;
            for _ in 0..2 {
                assert_replayed(&first, &request.call(&service, "a key").send().await);
            }
            assert_eq!(service.stored().await, before, "{}", operation.id);
            checked += 1;
        }
        assert!(checked >= 5, "{checked}");
    }

    async fn a_key_of_another_request_is_refused(service: Service) {
        for operation in taking("Idempotency-Key") {
            let request = Keyed::new(&service, operation).await;
            request.call(&service, "a key").send().await.expect(operation.success);
            let before = service.stored().await;
            let other = Keyed {
                body: operation.body.map(|body| another(body(&request.root))),
                // A bodyless request differs by its path.
                path: if operation.body.is_none() { request.path.clone() + "?" } else { request.path.clone() },
                root: request.root.clone(),
                operation,
            };
            let answer = other.call(&service, "a key").send().await;
            answer.expect_error(422, "idempotency_key_reused");
            assert_eq!(service.stored().await, before, "{}", operation.id);
        }
    }

    async fn a_key_whose_request_is_under_way_is_refused(service: Service) {
        for operation in taking("Idempotency-Key") {
            let request = Keyed::new(&service, operation).await;
            service.settle().await;
            let (release, holding) = hold(&service).await;
            let call = || tokio::spawn(request.call(&service, "a key").send());
            let (Either::Left((refused, other)) | Either::Right((refused, other))) = select(call(), call()).await;
            refused.unwrap().expect_error(409, "idempotency_in_progress");
            release.send(()).unwrap();
            holding.await.unwrap();
            let first = other.await.unwrap().expect(operation.success);
            assert_replayed(&first, &request.call(&service, "a key").send().await);
        }
    }

    async fn equal_requests_that_race_over_two_instances_have_one_effect_and_one_answer(service: Service) {
        let other = service.another_instance().await;
        for operation in taking("Idempotency-Key") {
            let request = Keyed::new(&service, operation).await;
            service.settle().await;
            let calls = (0..20).map(|n| {
                let url = if n % 2 == 0 { &service.instance.url } else { &other.url };
                request.call_on(url, "a key").send()
            });
            let (made, refused): (Vec<_>, Vec<_>) =
                join_all(calls).await.into_iter().partition(|answer| answer.status.is_success());
            let first: Vec<_> =
                made.iter().filter(|answer| answer.header("idempotency-replayed").is_empty()).collect();
            assert_eq!(first.len(), 1, "{}: {made:?}", operation.id);
            for again in made.iter().filter(|answer| !answer.header("idempotency-replayed").is_empty()) {
                assert_replayed(first[0], again);
            }
            for refused in refused {
                refused.expect_error(409, "idempotency_in_progress");
            }
            assert_replayed(first[0], &request.call_on(&other.url, "a key").send().await);
        }
        // Other users have registered by themselves.
        let events = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM audit_events \
                      WHERE kind = 'user_created' AND actor_id <> user_id";
        assert_eq!(service.database.sql(events).await.unwrap(), "1");
        let sent = "SELECT CAST(COUNT(*) AS TEXT) AS value FROM webhook_deliveries";
        // Of the fixture of a delivery, one more.
        assert_eq!(service.database.sql(sent).await.unwrap(), "3");
        other.stop().await;
    }

    async fn a_key_belongs_to_its_user_and_its_operation(service: Service) {
        let (one, two) = (service.superuser().await, service.superuser().await);
        let body = user_body();
        create(&service, &one, "a key", &body).send().await.expect(201);
        create(&service, &two, "a key", &body).send().await.expect_error(409, "email_taken");
        create(&service, &two, "a key", &user_body()).send().await.expect(201);
        let dead = service.job("test_kind", "dead").await;
        let retry = service.by(&one, "POST", &format!("/api/v1/jobs/{dead}/retry"));
        let retried = retry.header(KEY, "a key").send().await.expect(200);
        assert_eq!(retried.header("idempotency-replayed"), "");
    }

    async fn a_request_that_failed_can_be_sent_again_with_its_key(service: Service) {
        let (root, user) = (service.superuser().await, service.user().await);
        let body = json!({"email": user.email, "password": PASSWORD});
        create(&service, &root, "a key", &body).send().await.expect_error(409, "email_taken");
        assert_eq!(stored_answers(&service).await, "0");
        service.by(&root, "DELETE", &format!("/api/v1/users/{}", user.id)).send().await.expect(204);
        let made = create(&service, &root, "a key", &body).send().await.expect(201);
        assert_eq!(made.header("idempotency-replayed"), "");
    }

    async fn a_key_is_kept_for_a_day(service: Service) {
        let root = service.superuser().await;
        let body = user_body();
        let first = create(&service, &root, "a key", &body).send().await.expect(201);
        service.clock.advance(Duration::from_hours(24) - Duration::from_mins(1));
        let root = service.log_in_again(&root.email, root.id).await;
        assert_replayed(&first, &create(&service, &root, "a key", &body).send().await);
        service.clock.advance(Duration::from_mins(2));
        create(&service, &root, "a key", &body).send().await.expect_error(409, "email_taken");
        let made = create(&service, &root, "a key", &user_body()).send().await.expect(201);
        assert_eq!(made.header("idempotency-replayed"), "");
        assert_eq!(stored_answers(&service).await, "1");
    }

    async fn an_answer_that_cannot_be_stored_has_no_effect(service: Service) {
        let refuse = match service.database.backend {
            Backend::Postgres => "ALTER TABLE idempotency_keys ADD CONSTRAINT none CHECK (false)",
            Backend::Sqlite => {
                "CREATE TRIGGER none BEFORE INSERT ON idempotency_keys BEGIN SELECT RAISE(ABORT, 'no'); END"
            }
        };
        let mut requests = Vec::new();
        for operation in taking("Idempotency-Key") {
            requests.push(Keyed::new(&service, operation).await);
        }
        service.database.sql(refuse).await;
        let before = service.stored().await;
        for request in &requests {
            request.call(&service, "a key").send().await.expect_error(500, "internal_error");
        }
        assert_eq!(service.stored().await, before);
        let allow = match service.database.backend {
            Backend::Postgres => "ALTER TABLE idempotency_keys DROP CONSTRAINT none",
            Backend::Sqlite => "DROP TRIGGER none",
        };
        service.database.sql(allow).await;
        for request in &requests {
            let made = request.call(&service, "a key").send().await.expect(request.operation.success);
            assert_eq!(made.header("idempotency-replayed"), "");
        }
    }

    async fn keys_that_are_none_are_refused(service: Service) {
        let root = service.superuser().await;
        for key in ["", "\u{e9}", &"x".repeat(256)] {
            let fields = create(&service, &root, key, &user_body()).send().await.invalid_fields();
            assert_eq!(fields, ["Idempotency-Key"], "{key}");
        }
        let twice = create(&service, &root, "one", &user_body()).header(KEY, "two");
        assert_eq!(twice.send().await.invalid_fields(), ["Idempotency-Key"]);
        for key in ["x", &"x".repeat(255), "a key with spaces, \"quotes\" and {braces}"] {
            create(&service, &root, key, &user_body()).send().await.expect(201);
        }
    }

    async fn nothing_that_is_stored_is_a_secret_or_can_be_tried_for_one(service: Service) {
        let root = service.superuser().await;
        for operation in taking("Idempotency-Key") {
            let target: Target = operation.target_for(&service, &root, &service.user().await).await;
            let call = operation.call(&service, &target).bearer(&root.access).header(KEY, "a key");
            call.send().await.expect(operation.success);
        }
        let statement = "SELECT fingerprint || ' ' || answer AS value FROM idempotency_keys";
        let rows: Vec<_> = service.database.rows(statement).await.into_iter().flatten().collect();
        assert!(rows.len() >= 5, "{rows:?}");
        for row in rows {
            for secret in [PASSWORD, "password", "$2", "whsec_", "eyJ", &root.access] {
                assert!(!row.contains(secret), "{row}");
            }
        }
    }

    async fn anonymous_requests_have_no_key(service: Service) {
        let body = user_body();
        let register = || service.call("POST", "/api/v1/auth/register").header(KEY, "a key").json(body.clone());
        register().send().await.expect(201);
        register().send().await.expect_error(409, "email_taken");
        assert_eq!(stored_answers(&service).await, "0");
    }

    async fn a_deleted_user_takes_its_keys_along(service: Service) {
        let (root, other) = (service.superuser().await, service.superuser().await);
        create(&service, &root, "a key", &user_body()).send().await.expect(201);
        service.by(&other, "DELETE", &format!("/api/v1/users/{}", root.id)).send().await.expect(204);
        assert_eq!(stored_answers(&service).await, "0");
    }
}
