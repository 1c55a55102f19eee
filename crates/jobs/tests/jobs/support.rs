//! A database with the table of jobs, and a kind of job that does what a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use groundwork_clock::Clock;
use groundwork_database::url::{DatabaseUrl, PoolMode};
use groundwork_database::{Config, Database, DbError, PoolSize};
use groundwork_jobs::records::{self, JobRecord};
use groundwork_jobs::{
    Attempt, Handler, Handlers, Job, JobError, JobId, JobStatus, NewJob, POSTGRES_MIGRATION, Queue,
    SQLITE_MIGRATION, Wakeups, Workers, WorkersConfig,
};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;

/// Longer than anything takes, also on a busy machine.
pub const LONG: Duration = Duration::from_secs(30);

static NEXT: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Runs a test on both databases.
macro_rules! on_both {
    ($(async fn $name:ident($service:ident: TestDatabase) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn run($service: $crate::support::TestDatabase) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                run($crate::support::TestDatabase::new($crate::support::Backend::Sqlite).await).await;
            }

            #[ignore = "needs PostgreSQL"]
            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                run($crate::support::TestDatabase::new($crate::support::Backend::Postgres).await).await;
            }
        }
    )+};
}
pub(crate) use on_both;

/// A database of its own, the clock and the wake-ups of one instance.
pub struct TestDatabase {
    pub database: Database,
    pub clock: Clock,
    pub wakeups: Wakeups,
    pub url: String,
    _folder: TempDir,
    name: Option<String>,
}

fn server() -> String {
    std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL must name a PostgreSQL for tests; ./scripts/test starts one")
}

async fn admin(statement: &str) {
    client(&server()).await.batch_execute(statement).await.unwrap();
}

/// A connection of its own to PostgreSQL.
pub async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl TestDatabase {
    pub async fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (url, name) = match backend {
            Backend::Sqlite => (format!("sqlite://{}", folder.path().join("jobs.db").display()), None),
            Backend::Postgres => {
                let name = format!("jobs_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                admin(&format!("CREATE DATABASE {name}")).await;
                (format!("{}/{name}", server().rsplit_once('/').unwrap().0), Some(name))
            }
        };
        match url.strip_prefix("sqlite://") {
            Some(path) => {
                let mut c = SqliteConnection::establish(path).unwrap();
                c.batch_execute("PRAGMA journal_mode = WAL").unwrap();
                c.batch_execute(SQLITE_MIGRATION).unwrap();
            }
            None => client(&url).await.batch_execute(POSTGRES_MIGRATION).await.unwrap(),
        }
        let database = connect(&url.parse().unwrap());
        Self { database, clock: Clock::default(), wakeups: Wakeups::default(), url, _folder: folder, name }
    }

    pub fn queue(&self) -> Queue {
        Queue::new(self.wakeups.clone())
    }

    /// Enqueues a job in a transaction of its own.
    pub async fn enqueue<J: Job>(&self, job: NewJob<'_, J>) -> Option<JobId> {
        let (queue, now) = (self.queue(), self.clock.now());
        let enqueued: Result<_, DbError> =
            self.database.transaction(async |tx| queue.enqueue(tx, &job, now).await).await;
        enqueued.unwrap()
    }

    pub async fn find(&self, id: JobId) -> JobRecord {
        records::find(&mut self.database.read(), id).await.unwrap().expect("a job")
    }

    /// Waits until a job has this status.
    pub async fn wait_for(&self, id: JobId, status: JobStatus) -> JobRecord {
        let reached = async {
            loop {
                let job = self.find(id).await;
                if job.status == status {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, reached).await.unwrap_or_else(|_| panic!("{status:?} was not reached"))
    }

    /// Starts workers, as an instance of its own with this clock.
    pub fn start(&self, handlers: Handlers, clock: &Clock, config: WorkersConfig) -> Started {
        let stop = CancellationToken::new();
        let database = self.database.clone();
        let workers = Workers::new(database, clock.clone(), handlers, self.wakeups.clone(), config);
        Started { stop: stop.clone(), task: tokio::spawn(workers.run(stop)) }
    }

    pub fn start_with(&self, handlers: Handlers) -> Started {
        self.start(handlers, &self.clock, CONFIG)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(admin(&format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        drop(dropped.join());
    }
}

/// Another pool to the same database, as another instance has.
pub fn connect(url: &DatabaseUrl) -> Database {
    Database::new(&Config {
        url: url.clone(),
        replica_urls: Vec::new(),
        pool_mode: PoolMode::Session,
        application_name: "jobs".to_owned(),
        pool_size: PoolSize { min_idle: 1, max_size: 8 },
        pool_timeout: LONG,
        statement_timeout: LONG,
        write_timeout: LONG,
    })
    .unwrap()
}

/// Starts as many instances, each with connections of its own.
pub fn start_instances(
    db: &TestDatabase,
    instances: usize,
    recorder: &Recorder,
    config: WorkersConfig,
) -> Vec<Started> {
    let start = |_| {
        let (stop, database) = (CancellationToken::new(), connect(&db.url.parse().unwrap()));
        let (handlers, wakeups) = (recorder.handlers(), Wakeups::new(None, &database));
        let workers = Workers::new(database, db.clock.clone(), handlers, wakeups, config);
        Started { stop: stop.clone(), task: tokio::spawn(workers.run(stop)) }
    };
    (0..instances).map(start).collect()
}

/// Workers that find by themselves what no wake-up announces.
pub const CONFIG: WorkersConfig = WorkersConfig {
    concurrency: 4,
    timeout: LONG,
    poll_interval: Duration::from_millis(20),
    lease: LONG,
    drain: LONG,
};

pub struct Started {
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Started {
    /// Stops as a process does that is told to.
    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(LONG, self.task).await.expect("the workers stop").unwrap();
    }

    /// Ends as a process does that is killed.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// A job that does what the test's handler says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub text: String,
}

impl Note {
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

impl Job for Note {
    const KIND: &'static str = "note";
    const MAX_ATTEMPTS: u32 = 2;
}

/// What a handler saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Begun(String, u32),
    Ended(String),
    Dropped(String),
}

/// Reports what it sees. A job whose text is `hang` ends when it is told to, `fail` and `panic` say
/// what they do, and `hopeless` fails for good.
#[derive(Clone)]
pub struct Recorder {
    seen: mpsc::UnboundedSender<Seen>,
    pub let_end: Arc<Semaphore>,
}

impl Recorder {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Seen>) {
        let (seen, receiver) = mpsc::unbounded_channel();
        (Self { seen, let_end: Arc::new(Semaphore::new(0)) }, receiver)
    }

    pub fn handlers(&self) -> Handlers {
        Handlers::default().on::<Note>(self.clone())
    }
}

struct DropReport<'a>(&'a Recorder, Option<String>);

impl Drop for DropReport<'_> {
    fn drop(&mut self) {
        if let Some(text) = self.1.take() {
            let _ = self.0.seen.send(Seen::Dropped(text));
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it is told to fail")]
struct ToldToFail;

impl Handler<Note> for Recorder {
    async fn run(&self, job: Note, attempt: Attempt) -> Result<(), JobError> {
        let mut report = DropReport(self, Some(job.text.clone()));
        let _ = self.seen.send(Seen::Begun(job.text.clone(), attempt.number));
        match job.text.as_str() {
            "hang" => self.let_end.acquire().await.unwrap().forget(),
            "fail" => return Err(ToldToFail.into()),
            "hopeless" => return Err(JobError::permanent(ToldToFail)),
            "panic" => panic!("it is told to panic"),
            _ => {}
        }
        report.1 = None;
        let _ = self.seen.send(Seen::Ended(job.text));
        Ok(())
    }
}

/// The next thing that a handler saw.
pub async fn next(seen: &mut mpsc::UnboundedReceiver<Seen>) -> Seen {
    tokio::time::timeout(LONG, seen.recv()).await.expect("something happens").unwrap()
}

/// Waits for a handler to begin a job with this text, and returns the attempt.
pub async fn begun(seen: &mut mpsc::UnboundedReceiver<Seen>, text: &str) -> u32 {
    loop {
        match next(seen).await {
            Seen::Begun(begun, attempt) if begun == text => return attempt,
            _ => {}
        }
    }
}
