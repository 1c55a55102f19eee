//! Jobs in any status, for tests of what operators do with them.

use super::{Backend, Service};

impl Service {
    /// A job of this kind in this status; a queued one is due in an hour. Returns its id.
    pub async fn job(&self, kind: &str, status: &str) -> i64 {
        self.job_with(kind, status, "").await
    }

    /// The same with a dedupe key, unless that is empty.
    pub async fn job_with(&self, kind: &str, status: &str, dedupe_key: &str) -> i64 {
        let now = self.clock.now().micros();
        let time = |micros: i64| match self.database.backend {
            Backend::Sqlite => micros.to_string(),
            Backend::Postgres => format!("to_timestamp({micros} / 1000000.0)"),
        };
        let run_at = time(if status == "queued" { now + 3_600_000_000 } else { now });
        let (attempts, error) = if status == "dead" { (3, "'it failed'") } else { (0, "NULL") };
        let finished_at = if ["done", "dead"].contains(&status) { time(now) } else { "NULL".to_owned() };
        let insert = format!(
            "INSERT INTO jobs (kind, payload, status, priority, attempts, max_attempts, run_at, dedupe_key, \
             last_error, created_at, finished_at) VALUES ('{kind}', '{{}}', '{status}', 1, {attempts}, 3, \
             {run_at}, NULLIF('{dedupe_key}', ''), {error}, {}, {finished_at})",
            time(now)
        );
        self.database.sql(&insert).await;
        let id = self.database.sql("SELECT CAST(MAX(id) AS TEXT) AS value FROM jobs").await;
        id.expect("a job").parse().expect("its id")
    }
}
