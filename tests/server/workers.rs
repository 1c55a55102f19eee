//! `groundwork worker`: jobs in a process of their own.

use crate::support::postgres::eventually;
use crate::support::process::Process;
use crate::support::{Backend, Service};

/// One instance that serves enqueues a job and runs none; a process of workers runs it.
async fn a_worker_runs_what_an_instance_enqueues(backend: Backend) {
    let service = Service::start_with(backend, &[("JOB_WORKERS", "0")]).await;
    let root = service.superuser().await;
    let id = service.job("delete_expired", "dead").await;
    let mut environment = vec![("DATABASE_URL", service.database.url.as_str()), ("METRICS_PORT", "0")];
    environment.push(("LOG_FORMAT", "text"));
    let retry = format!("/api/v1/jobs/{id}/retry");
    service.by(&root, "POST", &retry).send().await.expect(200);
    let status = async || {
        let jobs =
            service.by(&root, "GET", "/api/v1/jobs?kind=delete_expired").send().await.expect(200).json();
        let items = jobs["items"].as_array().unwrap().clone();
        let job = items.into_iter().find(|job| job["id"] == id).expect("the job");
        job["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status().await, "queued");

    let mut worker = Process::start_worker(&environment).await;
    eventually("the worker runs it", async || (status().await == "done").then_some(())).await;
    let metrics = worker
        .logged(|log| Some(log.split_once("metrics on ")?.1.split_whitespace().next()?.to_owned()))
        .await;
    let metrics = reqwest::Client::builder().no_proxy().build().unwrap().get(metrics).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    // Without a count: at its time of the day, the periodic job of this kind runs as well.
    let done = r#"groundwork_jobs_attempts_total{kind="delete_expired",result="done"} "#;
    assert!(metrics.contains(done) && metrics.contains("groundwork_db_connections"), "{metrics}");

    worker.terminate();
    let ended = worker.ended().await;
    assert_eq!(ended.code(), Some(0), "{}", worker.log());
    let log = worker.log();
    assert!(log.contains("stopping: running jobs may finish") && log.contains("stopped"), "{log}");
    assert!(!log.contains("listening on"), "it serves no API: {log}");
}

mod a_process_of_workers_runs_what_an_instance_without_workers_enqueues {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        a_worker_runs_what_an_instance_enqueues(Backend::Sqlite).await;
    }

    #[ignore = "needs PostgreSQL and Redis"]
    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgresql() {
        a_worker_runs_what_an_instance_enqueues(Backend::Postgres).await;
    }
}
