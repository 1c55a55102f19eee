//! Errors of PostgreSQL are known by their SQLSTATE, in whatever language the server says them.

use serde_json::json;

use crate::support::client::PASSWORD;
use crate::support::postgres::eventually;
use crate::support::{Backend, Service};

/// Answers every change of a user with this error, in German.
async fn raise(service: &Service, code: &str) {
    let raise = format!(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           RAISE EXCEPTION 'das geht jetzt nicht' USING ERRCODE = '{code}'; END $$; \
         CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE ON users EXECUTE FUNCTION refuse()"
    );
    drop(service.database.sql(&raise).await);
}

async fn stop_raising(service: &Service) {
    drop(service.database.sql("DROP TRIGGER refuse ON users").await);
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn transient_errors_are_answered_503_with_retry_after_and_others_500() {
    let service = Service::start(Backend::Postgres).await;
    let user = service.user().await;
    let other = service.user().await;
    // A statement of its own, and one in a unit of work.
    let name = || service.by(&user, "PATCH", "/api/v1/users/me").json(json!({"full_name": "Ada"}));
    let login = || service.login(&other.email, PASSWORD);
    for code in [
        "08000", "08006", "25006", "25P03", "40001", "40P01", "53000", "53100", "53200", "53300", "55P03",
        "57014", "57P01", "57P02", "57P03", "57P04", "57P05", "58030",
    ] {
        raise(&service, code).await;
        for answer in [name().send().await, login().await] {
            assert!(answer.headers.contains_key("retry-after"), "{code}: {answer:?}");
            answer.expect_error(503, "service_unavailable");
        }
    }
    for code in ["0A000", "22012", "42P01", "P0001", "XX000"] {
        raise(&service, code).await;
        name().send().await.expect_error(500, "internal_error");
        login().await.expect_error(500, "internal_error");
    }
    stop_raising(&service).await;
    drop(name().send().await.expect(200));
    drop(login().await.expect(200));
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn all_connections_to_a_server_that_became_read_only_are_closed() {
    let service = Service::start_with(Backend::Postgres, &[("DB_POOL_SIZE", "4")]).await;
    let user = service.user().await;
    let name = || service.by(&user, "PATCH", "/api/v1/users/me").json(json!({"full_name": "Ada"}));
    let processes = "SELECT pid::text FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid";
    let before = eventually("all connections are open", async || {
        drop(service.me(&user.access).await.expect(200));
        let processes = service.database.rows(processes).await;
        (processes.len() >= 4).then_some(processes)
    })
    .await;
    raise(&service, "25006").await;
    name().send().await.expect_error(503, "service_unavailable");
    stop_raising(&service).await;
    // None of them is used again: each that is lent is replaced instead.
    eventually("they are replaced", async || {
        drop(name().send().await.expect(200));
        let now = service.database.rows(processes).await;
        now.iter().any(|process| !before.contains(process)).then_some(())
    })
    .await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_server_with_another_language_are_recognized() {
    let (service, proxy) =
        Service::start_behind_proxy(&[("DB_STATEMENT_TIMEOUT", "2"), ("DB_POOL_SIZE", "1")]).await;
    let user = service.user().await;
    proxy.translate();
    let me = || service.by(&user, "PATCH", "/api/v1/users/me");
    let name = || me().json(json!({"full_name": "Ada"}));
    // A unique constraint.
    service.register(&user.email, PASSWORD).await.expect_error(409, "email_taken");
    // A statement that takes too long.
    let function = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                    $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$";
    let slow = "CREATE TRIGGER slow BEFORE UPDATE ON users EXECUTE FUNCTION slow()";
    drop(service.database.sql(function).await);
    drop(service.database.sql(slow).await);
    name().send().await.expect_error(503, "service_unavailable");
    service.login(&user.email, PASSWORD).await.expect_error(503, "service_unavailable");
    drop(service.database.sql("DROP TRIGGER slow ON users").await);
    // A table that was altered.
    drop(name().send().await.expect(200));
    drop(service.database.sql("ALTER TABLE users ALTER full_name TYPE varchar(300)").await);
    drop(name().send().await.expect(200));
    drop(service.login(&user.email, PASSWORD).await.expect(200));
    // A connection that is ended in the middle of a statement.
    drop(service.database.sql(slow).await);
    let change = tokio::spawn(name().send());
    let sleeping = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity \
                    WHERE datname = current_database() AND wait_event = 'PgSleep'";
    eventually("it is ended", async || service.database.sql(sleeping).await).await;
    change.await.unwrap().expect_error(503, "service_unavailable");
    drop(service.database.sql("DROP TRIGGER slow ON users").await);
    drop(name().send().await.expect(200));
}
