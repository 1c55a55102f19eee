//! `/jobs`: what superusers see of jobs, and do with those that failed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::{Answer, TestUser};
use crate::support::postgres::eventually;
use crate::support::{Backend, Service};

/// A kind of job that no release knows, so that no worker changes it.
const KIND: &str = "test_kind";

async fn list(service: &Service, root: &TestUser, query: &str) -> Answer {
    service.by(root, "GET", &format!("/api/v1/jobs?{query}")).send().await
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|job| job["id"].as_i64().unwrap()).collect()
}

/// The jobs that a list with this query shows on all its pages.
async fn all(service: &Service, root: &TestUser, query: &str) -> Vec<i64> {
    let mut found = Vec::new();
    let mut page = list(service, root, query).await.expect(200).json();
    loop {
        found.extend(ids(&page));
        let Some(next) = page["next_page"].as_str() else { return found };
        page = list(service, root, &format!("{query}&page_token={next}")).await.expect(200).json();
    }
}

async fn retry(service: &Service, root: &TestUser, id: i64) -> Answer {
    service.by(root, "POST", &format!("/api/v1/jobs/{id}/retry")).send().await
}

async fn delete(service: &Service, root: &TestUser, id: i64) -> Answer {
    service.by(root, "DELETE", &format!("/api/v1/jobs/{id}")).send().await
}

/// What was done to a job, and by which user.
async fn events(service: &Service, id: i64) -> Vec<String> {
    let statement = format!(
        "SELECT kind || ' by ' || COALESCE(CAST(actor_id AS TEXT), 'nobody') AS value \
         FROM audit_events WHERE resource_id = {id} AND user_id IS NULL ORDER BY id"
    );
    service.database.rows(&statement).await.into_iter().flatten().collect()
}

on_both! {
    async fn every_job_is_on_one_page_and_the_newest_comes_first(service: Service) {
        let root = service.superuser().await;
        let mut made = Vec::new();
        for status in ["queued", "running", "done", "dead", "done"].repeat(3) {
            made.push(service.job(KIND, status).await);
        }
        made.reverse();
        for limit in [1, 4, 15, 16] {
            assert_eq!(all(&service, &root, &format!("kind={KIND}&limit={limit}")).await, made, "{limit}");
            let newest = all(&service, &root, &format!("kind={KIND}&limit={limit}&sort=-created_at")).await;
            assert_eq!(newest, made, "{limit}");
            let oldest = all(&service, &root, &format!("kind={KIND}&limit={limit}&sort=created_at")).await;
            assert!(oldest.iter().eq(made.iter().rev()), "{limit}: {oldest:?}");
        }
        let first = list(&service, &root, &format!("kind={KIND}&limit=1")).await.expect(200).json();
        assert_eq!(first["items"][0]["kind"], KIND);
    }

    async fn a_list_of_jobs_shows_only_the_status_and_the_kind_that_are_asked_for(service: Service) {
        let root = service.superuser().await;
        let (dead, done) = (service.job(KIND, "dead").await, service.job(KIND, "done").await);
        let (queued, running) = (service.job(KIND, "queued").await, service.job(KIND, "running").await);
        let other = service.job("other_kind", "dead").await;
        for (status, job) in [("dead", dead), ("done", done), ("queued", queued), ("running", running)] {
            assert_eq!(all(&service, &root, &format!("kind={KIND}&status={status}")).await, [job], "{status}");
        }
        assert_eq!(all(&service, &root, "status=dead").await, [other, dead]);
        assert_eq!(all(&service, &root, "kind=no_such_kind").await, [0; 0]);
        for (query, field) in [("status=lost", "status"), ("kind=", "kind"), ("limit=0", "limit")] {
            assert_eq!(list(&service, &root, query).await.invalid_fields(), [field]);
        }
        // A token is valid for its own list only.
        let page = list(&service, &root, "status=dead&limit=1").await.expect(200).json();
        let token = page["next_page"].as_str().unwrap();
        let elsewhere = list(&service, &root, &format!("status=done&page_token={token}")).await;
        assert_eq!(elsewhere.invalid_fields(), ["page_token"]);
    }

    async fn a_dead_job_shows_why_it_failed_and_when(service: Service) {
        let root = service.superuser().await;
        let id = service.job(KIND, "dead").await;
        let page = list(&service, &root, "status=dead").await.expect(200).json();
        let job = &page["items"][0];
        assert_eq!((&job["id"], &job["attempts"], &job["last_error"]), (&json!(id), &json!(3), &json!("it failed")));
        assert_eq!((&job["run_at"], &job["created_at"]), (&job["finished_at"], &job["finished_at"]));
        assert_eq!(job.as_object().unwrap().len(), 8, "no payload: {job}");
    }

    async fn a_dead_job_that_is_retried_runs_again(service: Service) {
        let root = service.superuser().await;
        let id = service.job("delete_expired", "dead").await;
        service.clock.advance(Duration::from_secs(1));
        let retried = retry(&service, &root, id).await.expect(200).json();
        assert_eq!(
            (&retried["status"], &retried["attempts"], &retried["finished_at"]),
            (&json!("queued"), &json!(0), &Value::Null)
        );
        assert!(retried["run_at"].as_str() > retried["created_at"].as_str(), "{retried}");
        eventually("a worker runs it", async || {
            all(&service, &root, "status=done&kind=delete_expired").await.contains(&id).then_some(())
        })
        .await;
        assert_eq!(events(&service, id).await, [format!("job_retried by {}", root.id)]);
        retry(&service, &root, id).await.expect_error(409, "job_not_dead");
        assert_eq!(events(&service, id).await.len(), 1);
    }

    async fn a_dead_job_is_not_retried_while_another_does_its_work(service: Service) {
        let root = service.superuser().await;
        let dead = service.job_with(KIND, "dead", "one at a time").await;
        let queued = service.job_with(KIND, "queued", "one at a time").await;
        let before = service.stored().await;
        retry(&service, &root, dead).await.expect_error(409, "job_duplicate");
        retry(&service, &root, queued).await.expect_error(409, "job_not_dead");
        assert_eq!(service.stored().await, before);
        delete(&service, &root, queued).await.expect(204);
        retry(&service, &root, dead).await.expect(200);
    }

    async fn a_job_that_is_not_running_can_be_deleted(service: Service) {
        let root = service.superuser().await;
        for status in ["queued", "done", "dead"] {
            let id = service.job(KIND, status).await;
            delete(&service, &root, id).await.expect(204);
            assert_eq!(all(&service, &root, &format!("kind={KIND}")).await, [0; 0], "{status}");
            assert_eq!(events(&service, id).await, [format!("job_deleted by {}", root.id)]);
            delete(&service, &root, id).await.expect_error(404, "not_found");
            retry(&service, &root, id).await.expect_error(404, "not_found");
        }
        let running = service.job(KIND, "running").await;
        delete(&service, &root, running).await.expect_error(409, "job_running");
        assert_eq!(all(&service, &root, "status=running").await, [running]);
    }
}

async fn readiness_follows_the_oldest_due_job(backend: Backend) {
    let service = Service::start_with(backend, &[("JOB_WORKERS", "0")]).await;
    let ready = async || {
        let answer = service.call("GET", "/api/v1/health/ready").send().await.expect(200).json();
        let jobs = answer["dependencies"].as_array().unwrap().iter().find(|entry| entry["name"] == "jobs");
        assert_eq!(answer["status"], jobs.unwrap()["status"]);
        answer["status"].as_str().unwrap().to_owned()
    };
    service.job(KIND, "queued").await;
    service.clock.advance(Duration::from_mins(64));
    // The clock may have passed the time of the nightly job, which no worker runs here.
    eventually("it is well when the job has been due for four minutes", async || {
        service.database.sql("DELETE FROM jobs WHERE period_at IS NOT NULL").await;
        (ready().await == "ok").then_some(())
    })
    .await;
    service.clock.advance(Duration::from_mins(2));
    eventually("it is degraded", async || (ready().await == "degraded").then_some(())).await;
    service.database.sql("DELETE FROM jobs").await;
    eventually("it is well again", async || (ready().await == "ok").then_some(())).await;
}

mod readiness_is_degraded_while_a_job_has_been_due_for_more_than_five_minutes {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        readiness_follows_the_oldest_due_job(Backend::Sqlite).await;
    }

    #[ignore = "needs PostgreSQL and Redis"]
    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgresql() {
        readiness_follows_the_oldest_due_job(Backend::Postgres).await;
    }
}
