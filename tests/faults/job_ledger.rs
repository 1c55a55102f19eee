//! Compares the jobs that were enqueued with what became of them. PostgreSQL writes the history:
//! each change of a job's status, in the transaction that changes it.

use crate::support::TestDatabase;

/// The table of changes, of which each enqueues a job in its transaction, and the history of jobs.
pub const TABLES: &str = "
    CREATE TABLE changes (number BIGINT PRIMARY KEY, job_id BIGINT NOT NULL);
    CREATE TABLE history (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job_id BIGINT NOT NULL,
        step TEXT NOT NULL,
        is_takeover BOOLEAN NOT NULL,
        lease_left BOOLEAN NOT NULL,
        has_change BOOLEAN NOT NULL
    );
    CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO history (job_id, step, is_takeover, lease_left, has_change) VALUES (
                NEW.id,
                OLD.status || ' ' || NEW.status,
                NEW.attempts = OLD.attempts AND NEW.last_error IS NOT DISTINCT FROM OLD.last_error,
                COALESCE(OLD.lease_expires_at > clock_timestamp(), FALSE),
                EXISTS (SELECT FROM changes WHERE changes.job_id = NEW.id)
            );
            RETURN NULL;
        END
    $$;
    CREATE TRIGGER record AFTER UPDATE ON jobs FOR EACH ROW
        WHEN (OLD.status <> NEW.status AND OLD.period_at IS NULL) EXECUTE FUNCTION record()";

/// What clients know of their transactions.
#[derive(Debug, Default)]
pub struct Enqueued {
    /// The numbers of changes whose commit was acknowledged.
    pub acknowledged: Vec<i64>,
    /// The numbers of changes that were rolled back on purpose.
    pub rolled_back: Vec<i64>,
    /// How many had another end: they are there with their job, or not at all.
    pub open: usize,
}

/// What the check found, if it did not fail.
#[derive(Clone, Copy, Debug)]
pub struct Findings {
    pub jobs: usize,
    /// Jobs that were begun a second time because the lease of the first worker had run out.
    pub taken_over: usize,
    /// Attempts that failed, because the database was away.
    pub failed: usize,
}

async fn count(database: &TestDatabase, what: &str) -> usize {
    let count = database.sql(&format!("SELECT COUNT(*)::TEXT FROM {what}")).await;
    count.expect("a count").parse().expect("a number")
}

/// Jobs that are enqueued by clients and have not succeeded.
pub async fn unfinished(database: &TestDatabase) -> usize {
    count(database, "jobs WHERE status <> 'done' AND period_at IS NULL").await
}

/// Fails unless each acknowledged change has a job that succeeded, no job is without its change, and
/// no job was taken over before its lease had run out.
pub async fn check(enqueued: &Enqueued, database: &TestDatabase) -> Findings {
    let numbers = |numbers: &[i64]| {
        let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        format!("unnest('{{{}}}'::BIGINT[]) AS known (number)", numbers.join(","))
    };
    let acknowledged = numbers(&enqueued.acknowledged);
    let done = "SELECT FROM changes JOIN jobs ON jobs.id = job_id \
                WHERE changes.number = known.number AND status = 'done'";
    for (what, query) in [
        ("acknowledged jobs that were lost", format!("{acknowledged} WHERE NOT EXISTS ({done})")),
        (
            "jobs of transactions that were rolled back",
            format!("{} JOIN changes USING (number)", numbers(&enqueued.rolled_back)),
        ),
        (
            "jobs without their change",
            "jobs WHERE period_at IS NULL AND NOT EXISTS (SELECT FROM changes WHERE job_id = jobs.id)"
                .to_owned(),
        ),
        (
            "changes without their job",
            "changes WHERE NOT EXISTS (SELECT FROM jobs WHERE jobs.id = job_id)".to_owned(),
        ),
        ("jobs begun before their change was there", "history WHERE NOT has_change".to_owned()),
        (
            "jobs taken over from a worker that held them",
            "history WHERE step = 'running queued' AND is_takeover AND lease_left".to_owned(),
        ),
        (
            "jobs that did not end as often as they were begun",
            "(SELECT job_id FROM history GROUP BY job_id HAVING \
             COUNT(*) FILTER (WHERE step = 'queued running') <> \
             COUNT(*) FILTER (WHERE step LIKE 'running %') OR \
             COUNT(*) FILTER (WHERE step = 'running done') <> 1) AS wrong"
                .to_owned(),
        ),
    ] {
        assert_eq!(count(database, &query).await, 0, "{what}");
    }
    let again = "history WHERE step = 'running queued' AND is_takeover";
    let failed = "history WHERE step = 'running queued' AND NOT is_takeover";
    Findings {
        jobs: count(database, "changes").await,
        taken_over: count(database, again).await,
        failed: count(database, failed).await,
    }
}

/// The check itself can fail.
mod tests {
    use super::*;
    use crate::support::{Backend, Service};

    const CLAIM: &str = "UPDATE jobs SET status = 'running', attempts = attempts + 1, \
                         lease_expires_at = now() + interval '1 minute'";
    const END: &str = "UPDATE jobs SET status = 'done', lease_expires_at = NULL";

    /// Why the check of one job fails to which this happens; `None` if it does not.
    async fn failure(statements: &[&str]) -> Option<String> {
        let service = Service::start_with(Backend::Postgres, &[("JOB_WORKERS", "0")]).await;
        service.database.sql(TABLES).await;
        let id = service.job("test_kind", "queued").await;
        service.database.sql(&format!("INSERT INTO changes VALUES (1, {id})")).await;
        for statement in statements {
            service.database.sql(statement).await;
        }
        let database = TestDatabase::at(Backend::Postgres, &service.database.url);
        let enqueued = Enqueued { acknowledged: vec![1], ..Enqueued::default() };
        let checked = tokio::spawn(async move { check(&enqueued, &database).await }).await;
        let panic = checked.err()?.into_panic();
        Some(panic.downcast_ref::<String>().cloned().unwrap_or_default())
    }

    #[ignore = "needs PostgreSQL and Redis"]
    #[tokio::test(flavor = "multi_thread")]
    async fn the_ledger_of_jobs_finds_lost_and_early_jobs_and_those_that_two_workers_had() {
        assert_eq!(failure(&[CLAIM, END]).await, None);
        let back = "UPDATE jobs SET status = 'queued', lease_expires_at = NULL";
        let expire = "UPDATE jobs SET lease_expires_at = now() - interval '1 second'";
        assert_eq!(failure(&[CLAIM, expire, back, CLAIM, END]).await, None);
        for (statements, what) in [
            (vec![CLAIM], "acknowledged jobs that were lost"),
            (vec![CLAIM, END, "DELETE FROM jobs"], "acknowledged jobs that were lost"),
            (vec!["DELETE FROM changes WHERE number = 1"], "acknowledged jobs that were lost"),
            (vec![CLAIM, END, "INSERT INTO changes VALUES (2, 1000)"], "changes without their job"),
            (
                vec![
                    "UPDATE changes SET job_id = job_id + 1000",
                    CLAIM,
                    "UPDATE changes SET job_id = job_id - 1000",
                    END,
                ],
                "jobs begun before their change was there",
            ),
            (vec![CLAIM, back, CLAIM, END], "jobs taken over from a worker that held them"),
            (
                vec![CLAIM, END, "UPDATE jobs SET status = 'running'", END],
                "jobs that did not end as often as they were begun",
            ),
        ] {
            let failure = failure(&statements).await;
            assert!(failure.as_ref().is_some_and(|failure| failure.contains(what)), "{what}: {failure:?}");
        }
    }
}
