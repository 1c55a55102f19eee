//! Behind a pooler that gives each transaction another session of the server: a `PgBouncer` as
//! Debian has it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use groundwork::db::migrations;
use groundwork_clock::Clock;
use groundwork_database::{Database, DbError};
use serde_json::json;
use tokio::sync::Barrier;
use tokio::time::timeout;

use crate::support::client::{PASSWORD, fresh_email};
use crate::support::pooler::Pooler;
use crate::support::postgres::{LIMIT, eventually};
use crate::support::{Backend, Call, Instance, Proxy, Service, TestDatabase, settings};

/// Fewer server sessions than one instance has connections.
const FEW: [&str; 2] = ["pool_mode = transaction", "default_pool_size = 3"];

fn through(pooler: &Pooler, database: &TestDatabase) -> Vec<(&'static str, String)> {
    vec![("DATABASE_URL", pooler.url(database)), ("DB_POOL_MODE", "transaction".to_owned())]
}

/// A service whose connections lead through the pooler.
async fn service(pooler: &Pooler, database: TestDatabase, extra: &[(&'static str, &str)]) -> Service {
    let mut all = through(pooler, &database);
    all.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Service::start_on(database, &all).await
}

async fn start_three(pooler: &Pooler, database: &TestDatabase) -> Vec<Instance> {
    let start = Arc::new(Barrier::new(3));
    let starting = (0..3).map(|_| {
        let settings = settings(&database.url, &through(pooler, database));
        let start = Arc::clone(&start);
        tokio::spawn(async move {
            start.wait().await;
            Instance::start(&settings, Clock::default()).await
        })
    });
    let started = timeout(LIMIT, join_all(starting)).await.expect("none of them hangs");
    started.into_iter().map(Result::unwrap).collect()
}

/// Reads and writes of a client, ten requests in all; each must be answered as without a pooler.
async fn ten_requests(base: &str) {
    let call = |method: &str, path: &str| Call::new(base, method, path);
    let email = fresh_email();
    let credentials = json!({"email": email, "password": PASSWORD});
    drop(call("POST", "/api/v1/auth/register").json(credentials.clone()).send().await.expect(201));
    let pair = call("POST", "/api/v1/auth/login").json(credentials.clone()).send().await.expect(200).json();
    let access = pair["access_token"].as_str().unwrap();
    for name in ["Ada", "Grace"] {
        let change = call("PATCH", "/api/v1/users/me").bearer(access).json(json!({"full_name": name}));
        drop(change.send().await.expect(200));
        let me = call("GET", "/api/v1/users/me").bearer(access).send().await.expect(200).json();
        assert_eq!(me["full_name"], name);
    }
    let token = json!({"refresh_token": pair["refresh_token"]});
    drop(call("POST", "/api/v1/auth/refresh").json(token).send().await.expect(200));
    let password = json!({"password": "another battery staple", "current_password": PASSWORD});
    drop(call("PATCH", "/api/v1/users/me").bearer(access).json(password).send().await.expect(200));
    call("GET", "/api/v1/users/me").bearer(access).send().await.expect_error(401, "invalid_token");
    let changed = json!({"email": credentials["email"], "password": "another battery staple"});
    drop(call("POST", "/api/v1/auth/login").json(changed).send().await.expect(200));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn three_instances_start_at_once_and_serve_twenty_clients_without_an_error() {
    let database = TestDatabase::empty(Backend::Postgres).await;
    let pooler = Pooler::start(&database, &FEW).await;
    let mut instances = start_three(&pooler, &database).await;
    let serve = async |instances: &[Instance]| {
        join_all((0..20).map(|client| ten_requests(&instances[client % instances.len()].url))).await
    };
    serve(&instances).await;
    instances.remove(0).stop().await;
    let settings = settings(&database.url, &through(&pooler, &database));
    instances.push(Instance::start(&settings, Clock::default()).await);
    serve(&instances).await;
    for instance in instances {
        instance.stop().await;
    }
    // Nothing stays in the sessions of the server that the next transaction would find there.
    let locks = "SELECT COUNT(*)::text FROM pg_locks WHERE locktype = 'advisory' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(database.sql(locks).await.as_deref(), Some("0"));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_cancelled_in_every_server_session() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let pooler = Pooler::start(&database, &FEW).await;
    let limits = [("DB_STATEMENT_TIMEOUT", "2"), ("REQUEST_TIMEOUT", "90"), ("DB_POOL_TIMEOUT", "60")];
    let service = service(&pooler, database, &limits).await;
    let user = service.user().await;
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$; \
                CREATE TRIGGER slow BEFORE UPDATE ON users EXECUTE FUNCTION slow()";
    drop(service.database.sql(slow).await);
    // A statement of its own, and one in a unit of work.
    let name = || service.by(&user, "PATCH", "/api/v1/users/me").json(json!({"full_name": "Ada"}));
    for _ in 0..2 {
        name().send().await.expect_error(503, "service_unavailable");
        service.login(&user.email, PASSWORD).await.expect_error(503, "service_unavailable");
    }
    drop(service.database.sql("DROP TRIGGER slow ON users").await);
    drop(name().send().await.expect(200));
    drop(service.login(&user.email, PASSWORD).await.expect(200));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_whose_caller_is_cancelled_ends_at_its_timeout() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let pooler = Pooler::start(&database, &FEW).await;
    let service = service(&pooler, database, &[]).await;
    let hasty = service.instance_with(&[("REQUEST_TIMEOUT", "4"), ("DB_STATEMENT_TIMEOUT", "8")]).await;
    let user = service.user().await;
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$; \
                CREATE TRIGGER slow BEFORE UPDATE ON users EXECUTE FUNCTION slow()";
    drop(service.database.sql(slow).await);
    let name = || service.by(&user, "PATCH", "/api/v1/users/me").json(json!({"full_name": "Ada"}));
    let left = Call::new(&hasty.url, "PATCH", "/api/v1/users/me").bearer(&user.access);
    let left = tokio::spawn(left.json(json!({"full_name": "Ada"})).send());
    let sleeping = "SELECT COUNT(*)::text FROM pg_stat_activity \
                    WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let count = async |count| (service.database.sql(sleeping).await.as_deref() == Some(count)).then_some(());
    eventually("it has begun", async || count("1").await).await;
    left.await.unwrap().expect_error(503, "service_unavailable");
    eventually("it is ended", async || count("0").await).await;
    drop(service.database.sql("DROP TRIGGER slow ON users").await);
    drop(name().send().await.expect(200));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_detected_and_the_setting_is_named() {
    let database = TestDatabase::create(Backend::Postgres).await;
    for ignored in ["", "ignore_startup_parameters = options"] {
        let pooler = Pooler::start(&database, &[&FEW[..], &[ignored]].concat()).await;
        let settings = settings(&database.url, &[("DATABASE_URL", pooler.url(&database))]);
        let names_it = |error: DbError| {
            let reason = std::error::Error::source(&error).expect("a reason").to_string();
            assert!(reason.contains("DB_POOL_MODE=transaction"), "{ignored}: {reason}");
        };
        names_it(migrations::run_for(&settings).await.unwrap_err());
        names_it(
            Database::new(&(&settings).into()).unwrap().ping(Duration::from_secs(20)).await.unwrap_err(),
        );
    }
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn migrations_can_use_another_address_than_requests() {
    let database = TestDatabase::empty(Backend::Postgres).await;
    let pooler = Pooler::start(&database, &FEW).await;
    // Through the pooler they could not be made, so the way was the other one.
    let settings = |way: String| {
        let unreachable = ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing".to_owned());
        settings(
            &database.url,
            &[unreachable, ("DB_POOL_MODE", "transaction".to_owned()), ("MIGRATION_DATABASE_URL", way)],
        )
    };
    let reason = migrations::run_for(&settings(pooler.url(&database))).await.unwrap_err();
    assert!(matches!(reason, DbError::Unavailable(_)), "it is a session's: {reason:?}");
    assert!(!migrations::run_for(&settings(database.url.clone())).await.unwrap().is_empty());
}

/// What it costs: as many round trips as without a pooler, each with BEGIN and COMMIT in it. Only
/// what Diesel cannot keep apart is counted here: `BEGIN` is not passed on before it is followed,
/// and `COMMIT` after a single statement comes with it.
#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_adds_no_round_trips_to_a_request() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let pooler = Pooler::start(&database, &FEW).await;
    let proxy = Proxy::to(&pooler.url(&database)).await;
    proxy.gather();
    let extra = [
        ("DATABASE_URL", proxy.url.clone()),
        // Workers look for jobs at their own pace.
        ("JOB_WORKERS", "0".to_owned()),
        ("DB_POOL_MODE", "transaction".to_owned()),
        ("DB_POOL_SIZE", "1".to_owned()),
        ("DB_MAX_OVERFLOW", "0".to_owned()),
    ];
    let service = Service::start_on(database, &extra).await;
    let user = service.user().await;
    let cost = async |call: Call| {
        let before = proxy.round_trips();
        drop(call.send().await.expect(200));
        proxy.round_trips() - before
    };
    let me = || service.call("GET", "/api/v1/users/me").bearer(&user.access);
    let login = || {
        let body = json!({"email": user.email, "password": PASSWORD});
        service.call("POST", "/api/v1/auth/login").json(body)
    };
    let change = || service.by(&user, "PATCH", "/api/v1/users/me").json(json!({"full_name": "Ada"}));
    // A service that starts also looks at the queue of jobs once.
    eventually("the start is over", async || (cost(me()).await == 1).then_some(())).await;
    for _ in 0..2 {
        assert_eq!(cost(me()).await, 1, "the user");
        assert_eq!(cost(change()).await, 3, "the guard; the change with BEGIN, and the event with COMMIT");
        assert_eq!(
            cost(login()).await,
            4,
            "the user; then two statements, BEGIN with the first, and the event with COMMIT"
        );
    }
}
