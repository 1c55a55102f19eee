//! What the daily job deletes, and what stays.

use std::time::Duration;

use serde_json::json;

use crate::support::client::{NOT_ROUTINE, PASSWORD, TestUser, fresh_email};
use crate::support::postgres::eventually;
use crate::support::{Backend, Service};

const DAY: Duration = Duration::from_hours(24);

/// Causes an audit event.
async fn create_user(service: &Service, root: &TestUser) {
    let body = json!({"email": fresh_email(), "password": PASSWORD});
    let create = service.by(root, "POST", "/api/v1/users").header("idempotency-key", "a key");
    create.json(body).send().await.expect(201);
}

async fn count(service: &Service, what: &str) -> usize {
    let count = service.database.sql(&format!("SELECT CAST(COUNT(*) AS TEXT) AS value FROM {what}")).await;
    count.unwrap().parse().unwrap()
}

/// Lets the days pass, and the job of the last one.
async fn pass(service: &Service, days: u32) {
    // The job may delete those of the days before.
    let newest = async || {
        let id = "SELECT CAST(MAX(id) AS TEXT) AS value FROM jobs WHERE period_at IS NOT NULL";
        service.database.sql(id).await.map_or(0, |id| id.parse::<i64>().unwrap())
    };
    let running = "jobs WHERE period_at IS NOT NULL AND status <> 'done'";
    let before = newest().await;
    service.clock.advance(DAY * days);
    eventually("the daily job has run", async || {
        (newest().await > before && count(service, running).await == 0).then_some(())
    })
    .await;
}

async fn old_rows_go(backend: Backend) {
    let service = Service::start_with(backend, &[("AUDIT_RETENTION_DAYS", "30")]).await;
    let root = service.superuser().await;
    create_user(&service, &root).await;
    service.job("test_kind", "done").await;
    assert_eq!(count(&service, "idempotency_keys").await, 1);
    let dead = "jobs WHERE status = 'dead'";
    service.job("test_kind", "dead").await;
    pass(&service, 6).await;
    assert_eq!(count(&service, "sessions").await, 1, "it is valid for seven days");
    assert_eq!(count(&service, "idempotency_keys").await, 0, "they are kept for a day");
    assert_eq!(count(&service, "jobs WHERE kind = 'test_kind'").await, 2);
    assert_eq!(count(&service, "jobs WHERE status = 'dead' AND payload <> ''").await, 1);
    pass(&service, 2).await;
    assert_eq!(count(&service, "sessions").await, 0);
    assert_eq!((count(&service, "jobs WHERE kind = 'test_kind'").await, count(&service, dead).await), (1, 1));
    let forgotten = "jobs WHERE status = 'dead' AND payload = ''";
    assert_eq!(count(&service, forgotten).await, 1, "it may hold an email or the hash of a password");
    let root = service.log_in_again(&root.email, root.id).await;
    let id = service.database.sql("SELECT CAST(id AS TEXT) AS value FROM jobs WHERE status = 'dead'").await;
    let retry = service.by(&root, "POST", &format!("/api/v1/jobs/{}/retry", id.unwrap())).send().await;
    retry.expect_error(409, "job_expired");
    pass(&service, 21).await;
    assert_eq!(count(&service, &format!("audit_events WHERE {NOT_ROUTINE}")).await, 1, "29 days old");
    let root = service.log_in_again(&root.email, root.id).await;
    create_user(&service, &root).await;
    pass(&service, 2).await;
    assert_eq!(
        count(&service, &format!("audit_events WHERE {NOT_ROUTINE}")).await,
        1,
        "the younger one is left"
    );
    let logins = "audit_events WHERE kind = 'logged_in'";
    assert_eq!(count(&service, logins).await, 2, "the first of three is forgotten");
}

mod the_daily_job_deletes_what_has_expired_and_audit_events_after_their_retention {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        old_rows_go(Backend::Sqlite).await;
    }

    #[ignore = "needs PostgreSQL and Redis"]
    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgresql() {
        old_rows_go(Backend::Postgres).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_events_are_kept_for_ever_unless_a_retention_is_set() {
    for retention in ["", "0"] {
        let service = Service::start_with(Backend::Sqlite, &[("AUDIT_RETENTION_DAYS", retention)]).await;
        let root = service.superuser().await;
        create_user(&service, &root).await;
        pass(&service, 10_000).await;
        assert_eq!(count(&service, "sessions").await, 0);
        assert_eq!(count(&service, &format!("audit_events WHERE {NOT_ROUTINE}")).await, 1);
    }
}

on_both! {
    async fn an_api_key_is_shown_for_thirty_days_after_it_has_expired(service: Service) {
        let user = service.user().await;
        service.api_key(&user, &["users:read"]).await;
        let expires_at = service.clock.now().plus(DAY).to_string();
        let body = json!({"name": "Short", "scopes": ["users:read"], "expires_at": expires_at});
        service.by(&user, "POST", "/api/v1/api-keys").json(body).send().await.expect(201);
        pass(&service, 30).await;
        assert_eq!(count(&service, "api_keys").await, 2);
        pass(&service, 2).await;
        assert_eq!(count(&service, "api_keys WHERE expires_at IS NULL").await, 1);
        assert_eq!(count(&service, "api_keys").await, 1);
    }
}
