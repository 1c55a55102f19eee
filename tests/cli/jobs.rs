//! `groundwork jobs`.

use std::process::Output;

use tempfile::TempDir;

use super::{SECRET_KEY, run, text};
use crate::support::Service;

/// A kind of job that no release knows, so that no worker changes it.
const KIND: &str = "test_kind";

/// Runs `groundwork jobs` on the database of a running service.
fn jobs(service: &Service, arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    let environment = [("DATABASE_URL", service.database.url.as_str()), ("JWT_SECRET_KEY", SECRET_KEY)];
    run(folder.path(), &environment, &[&["jobs"], arguments].concat())
}

/// What a command that succeeds prints.
#[track_caller]
fn printed(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// The ids in a list.
fn ids(list: &str) -> Vec<i64> {
    list.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}

#[track_caller]
fn refused(output: &Output, reason: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).ends_with(&format!("error: {reason}\n")), "{output:?}");
}

/// What an audit event says of a job, without an actor.
async fn events(service: &Service, id: i64) -> Option<String> {
    let query = format!(
        "SELECT CAST(kind || ' ' || request_id || ' ' || COALESCE(CAST(actor_id AS TEXT), 'nobody') AS TEXT) \
         AS value FROM audit_events WHERE resource_id = {id} ORDER BY id DESC LIMIT 1"
    );
    service.database.sql(&query).await
}

on_both! {
    async fn an_operator_lists_jobs_the_newest_first(service: Service) {
        let mut all = Vec::new();
        for status in ["queued", "dead", "running", "done", "dead"] {
            all.insert(0, service.job(KIND, status).await);
        }
        let other = service.job("other_kind", "dead").await;
        let list = jobs(&service, &["list"]);
        assert_eq!(ids(printed(&list)), [&[other], &all[..]].concat());
        let dead = jobs(&service, &["list", "--status", "dead", "--kind", KIND]);
        assert_eq!(ids(printed(&dead)), [all[0], all[3]]);
        let row = printed(&dead).lines().nth(1).unwrap();
        assert!(row.contains(" dead ") && row.contains("3 of 3") && row.ends_with(" it failed"), "{row}");
        assert!(!text(&dead.stderr).contains("There are more"), "{dead:?}");
        let oldest = jobs(&service, &["list", "--oldest-first", "--status", "dead"]);
        assert_eq!(ids(printed(&oldest)), [all[3], all[0], other]);
        let first = jobs(&service, &["list", "--limit", "2"]);
        assert_eq!(ids(printed(&first)), [other, all[0]]);
        assert!(text(&first.stderr).contains("There are more jobs: raise --limit"), "{first:?}");
    }

    async fn an_operator_retries_a_dead_job_and_no_other(service: Service) {
        let id = service.job(KIND, "dead").await;
        let number = id.to_string();
        let retried = jobs(&service, &["retry", &number]);
        assert_eq!(printed(&retried), format!("job {id} is queued again\n"));
        assert!(text(&retried.stderr).contains("job_retried"), "the event is logged: {retried:?}");
        let queued = jobs(&service, &["list", "--status", "queued"]);
        assert_eq!(ids(printed(&queued)), [id]);
        assert_eq!(events(&service, id).await.unwrap(), "job_retried local/command-line nobody");
        refused(&jobs(&service, &["retry", &number]), "the job is not dead");
        refused(&jobs(&service, &["retry", "999999"]), "the job does not exist");
    }

    async fn an_operator_discards_a_job_that_does_not_run(service: Service) {
        for status in ["queued", "done", "dead"] {
            let id = service.job(KIND, status).await;
            let discarded = jobs(&service, &["discard", &id.to_string()]);
            assert_eq!(printed(&discarded), format!("deleted job {id}\n"));
            assert_eq!(events(&service, id).await.unwrap(), "job_deleted local/command-line nobody");
            refused(&jobs(&service, &["discard", &id.to_string()]), "the job does not exist");
        }
        let running = service.job(KIND, "running").await;
        refused(&jobs(&service, &["discard", &running.to_string()]), "the job is running");
        assert_eq!(ids(printed(&jobs(&service, &["list"]))), [running]);
    }
}

#[test]
fn a_database_is_neither_created_nor_migrated() {
    let folder = TempDir::new().unwrap();
    for arguments in [&["jobs", "list"][..], &["jobs", "retry", "1"], &["jobs", "discard", "1"]] {
        let output = run(folder.path(), &[], arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains("groundwork migrate"), "{output:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
}

#[test]
fn wrong_arguments_are_refused_before_the_database_is_opened() {
    let folder = TempDir::new().unwrap();
    for (arguments, reason) in [
        (&["jobs", "list", "--status", "failed"][..], "must be one of: queued running done dead"),
        (&["jobs", "list", "--limit", "0"], "0 is not in 1..=10000"),
        (&["jobs", "retry", "seven"], "invalid digit"),
        (&["jobs", "discard"], "<ID>"),
    ] {
        let output = run(folder.path(), &[], arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(reason), "{output:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
}
